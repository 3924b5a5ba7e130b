"""PURE. What a small fleet of AI servers would measure: sine and noise, counters, events, and poison."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

Plain: TypeAlias = dict[str, Any]
"""A metric as a client writes it in JSON."""

_MODELS = ("small-8b", "large-70b", "vision-11b")
_ZONES = ("east", "west")
_DAY = 86_400.0
_WAVE = 120.0
"""Seconds of a swing in load: short enough to be seen while one looks."""

BURST_EVERY = 20.0
BURST_LASTS = 3.0


def is_burst(elapsed: float) -> bool:
    """Whether the `elapsed`-th second lies in a burst: the last three of every twenty."""
    return elapsed % BURST_EVERY >= BURST_EVERY - BURST_LASTS


class Server:
    """One source: a server with a session, a phase of its own, and counters that only grow."""

    def __init__(self, number: int, random: Random) -> None:
        self.name = f"gpu-{number + 1}"
        self.session = f"{self.name}-{random.getrandbits(32):08x}"
        self.attributes = {"model": _MODELS[number % len(_MODELS)], "zone": _ZONES[number % len(_ZONES)]}
        self._random = random
        self._phase = random.random() * _WAVE
        self._tokens = 0
        self._requests = 0

    def load(self, now: float) -> float:
        """How busy it is, 0 to 1, at `now` in seconds since the epoch."""
        wave = 0.5 + 0.35 * math.sin(2 * math.pi * (now + self._phase) / _WAVE)
        daily = 0.1 * math.sin(2 * math.pi * now / _DAY)
        return min(max(wave + daily + self._random.gauss(0, 0.03), 0.0), 1.0)

    def measure(self, now: float) -> Plain:
        """One metric, taken at `now`."""
        load = self.load(now)
        pick, weights = zip(*_MEASURES, strict=True)
        return {
            **self._random.choices(pick, weights)[0](self, load),
            "time": round(now * 1e9),
            "source": self.name,
            "session": self.session,
            "attributes": self.attributes,
        }

    def _cpu(self, load: float) -> Plain:
        return {"name": "cpu.utilization", "value": round(100 * load, 2), "kind": "gauge", "unit": "%"}

    def _latency(self, load: float) -> Plain:
        taken = 40 * math.exp(self._random.gauss(0, 0.4)) / (1.05 - load)
        return {"name": "inference.latency", "value": round(taken, 3), "kind": "timer", "unit": "ms"}

    def _queue(self, load: float) -> Plain:
        waiting = max(0, round(60 * (load - 0.5) + self._random.gauss(0, 2)))
        return {"name": "queue.depth", "value": waiting, "kind": "gauge", "unit": "requests"}

    def _rate(self, load: float) -> Plain:
        rate = 1800 * load * self._random.uniform(0.9, 1.1)
        return {"name": "tokens.rate", "value": round(rate, 1), "kind": "gauge", "unit": "tokens/s"}

    def _total(self, load: float) -> Plain:
        self._tokens += round(200 * load)
        return {"name": "tokens.generated", "value": self._tokens, "kind": "counter", "unit": "tokens"}

    def _served(self, load: float) -> Plain:
        self._requests += 1 + round(3 * load)
        return {"name": "requests.served", "value": self._requests, "kind": "counter", "unit": "requests"}

    def _prompt(self, load: float) -> Plain:
        size = round(self._random.lognormvariate(6, 1))
        return {"name": "prompt.size", "value": size, "kind": "histogram", "unit": "tokens"}

    def _loaded(self, load: float) -> Plain:
        return {"name": "model.loaded", "value": 1, "kind": "event"}


_MEASURES: tuple[tuple[Callable[[Server, float], Plain], float], ...] = (
    (Server._cpu, 20),  # pyright: ignore[reportPrivateUsage]
    (Server._latency, 25),  # pyright: ignore[reportPrivateUsage]
    (Server._queue, 12),  # pyright: ignore[reportPrivateUsage]
    (Server._rate, 15),  # pyright: ignore[reportPrivateUsage]
    (Server._total, 10),  # pyright: ignore[reportPrivateUsage]
    (Server._served, 10),  # pyright: ignore[reportPrivateUsage]
    (Server._prompt, 7),  # pyright: ignore[reportPrivateUsage]
    (Server._loaded, 0.2),  # pyright: ignore[reportPrivateUsage]
)


class Fleet:
    """Servers that take turns in sending."""

    def __init__(self, servers: int, random: Random) -> None:
        self._servers = [Server(number, random) for number in range(servers)]
        self._random = random
        self._turn = 0

    def batch(self, size: int, now: float) -> list[Plain]:
        """`size` metrics of the server whose turn it is, all taken at about `now`, in order of time."""
        server = self._servers[self._turn % len(self._servers)]
        self._turn += 1
        return [server.measure(now - (size - 1 - place) * 1e-5) for place in range(size)]

    def poison(self, batch: list[Plain]) -> list[Plain]:
        """`batch` with one metric that no server may accept."""
        spoiled = self._random.choice(
            ({"value": "n/a"}, {"value": None}, {"name": ""}, {"name": "x" * 300}, {"kind": "guess"})
        )
        place = self._random.randrange(len(batch))
        return [{**metric, **spoiled} if at == place else metric for at, metric in enumerate(batch)]
