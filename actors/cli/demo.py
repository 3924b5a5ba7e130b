"""`forebay demo`: realistic metrics for a running process."""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from random import Random
from typing import Any
from uuid import uuid4

import msgspec

from actors.cli.arguments import of_kind
from actors.cli.client import add_url, base_url, headers
from actors.cli.demo_metrics import Fleet, Plain, is_burst
from actors.cli.exits import FAILED, FINE
from actors.cli.settings_flags import add_settings, settings_from
from actors.cli.terminal import cut, paint, width
from actors.config.kinds import duration, number, whole

_EPILOG = """\
examples:
  forebay demo                        200 metrics a second until Ctrl-C
  forebay demo --rate 5000 --sources 20 --duration 1m
  forebay demo --burst 20             20 times the rate for 3 of every 20 s
  forebay demo --poison 0.1           every tenth batch is bad: refused whole

Each batch has an Idempotency-Key: what is sent again after a lost connection is
stored once.
"""
_TICK = 0.1
_LARGEST = 5_000
_LATENCIES = 10_000


class Tally(msgspec.Struct):
    """What has happened so far, in metrics unless the name says otherwise."""

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    refused_unexpectedly: int = 0
    unanswered: int = 0
    batches: int = 0
    retries: int = 0
    seconds: float = 0.0
    last_offset: int = -1
    durability: str = ""
    last_refusal: str = ""
    latencies: list[float] = []

    def line(self, rate: float, note: str) -> str:
        """One line for the second that has just passed, with `rate` metrics accepted in it."""
        return (
            f"{self.seconds:5.0f} s  sent {self.sent:,}  accepted {self.accepted:,}  "
            f"refused {self.refused:,}  {rate:,.0f}/s  ack {1000 * self.median():.1f} ms{note}"
        )

    def median(self) -> float:
        """The middle of the latest acknowledgement times, in seconds."""
        return sorted(self.latencies)[len(self.latencies) // 2] if self.latencies else 0.0


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    parser.epilog = _EPILOG
    flag = parser.add_argument
    flag("--rate", type=of_kind(number(0.1, 1e6)), default=200.0, metavar="N", help="metrics a second (200)")
    flag(
        "--duration",
        type=of_kind(duration(0.1, 1e9)),
        metavar="TIME",
        help="how long, as in 30s (until Ctrl-C)",
    )
    flag("--sources", type=of_kind(whole(1, 10_000)), default=3, metavar="N", help="servers that measure (3)")
    flag(
        "--burst",
        type=of_kind(number(1, 1000)),
        default=5.0,
        metavar="N",
        help="factor of bursts; 1 is none (5)",
    )
    flag(
        "--poison",
        type=of_kind(number(0, 1)),
        default=0.0,
        metavar="SHARE",
        help="share of invalid batches (0)",
    )
    flag("--seed", type=int, metavar="N", help="the same metrics every time")
    flag("--json", action="store_true", help="print the summary as a JSON object, and no progress")
    add_url(parser)
    add_settings(parser, only=("host", "port"))


def run(args: Namespace) -> int:
    """Send until told to stop. 0 when everything valid was accepted."""
    settings = settings_from(args).settings
    from actors.cli.demo_sender import Sender

    say = _quiet if args.json else _say
    sender = Sender(base_url(settings, args.url), headers(settings), lambda text: say(paint(text, "yellow")))
    tally = Tally()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sender.find()
        Demo(args, sender, tally, say).run()
    finally:
        signal.signal(signal.SIGTERM, before)
        sender.close()
    _summary(tally, args.json)
    return FAILED if tally.refused_unexpectedly or tally.unanswered else FINE


class Demo:
    """One run: makes batches at the rate, sends them, counts."""

    def __init__(self, args: Namespace, sender: Any, tally: Tally, say: Callable[[str], None]) -> None:
        self._args = args
        self._sender = sender
        self._tally = tally
        self._say = say
        self._random = Random(args.seed)
        self._fleet = Fleet(args.sources, self._random)
        self._name = uuid4().hex
        self._in_flight: tuple[list[Plain], str, bool] | None = None

    def run(self) -> None:
        """Until the duration is over or Ctrl-C; then what is in flight is settled."""
        try:
            self._send_at_rate()
        except KeyboardInterrupt:
            self._settle()

    def _send_at_rate(self) -> None:
        tally, args = self._tally, self._args
        began = last = time.monotonic()
        until = math.inf if args.duration is None else began + args.duration
        told, told_accepted = began, 0
        credit = 1.0
        while last < until:
            rate = args.rate * (args.burst if is_burst(last - began) else 1)
            # After an outage: on with the rate, not with all that would have been sent meanwhile.
            credit = min(credit, max(rate, 1.0))
            while credit >= 1:
                size = min(int(credit), max(round(rate * _TICK), 1), _LARGEST)
                credit -= size
                self._send(size, until)
            now = time.monotonic()
            tally.seconds = now - began
            if now - told >= 1:
                note = "  burst" if rate > args.rate else ""
                self._say(tally.line((tally.accepted - told_accepted) / (now - told), note))
                told, told_accepted = now, tally.accepted
            time.sleep(max(last + _TICK - now, 0))
            now = time.monotonic()
            credit += (now - last) * rate
            last = now

    def _send(self, size: int, until: float) -> None:
        batch = self._fleet.batch(size, time.time())
        poison = self._random.random() < self._args.poison
        if poison:
            batch = self._fleet.poison(batch)
        tally = self._tally
        self._in_flight = (batch, f"demo-{self._name}-{tally.batches}", poison)
        tally.sent += size
        tally.batches += 1
        self._count(self._sender.send(batch, self._in_flight[1], until), size, poison)

    def _settle(self) -> None:
        """Ask once more, with the same key, about the batch that the interrupt left unanswered."""
        if self._in_flight is None:
            return
        batch, key, poison = self._in_flight
        try:
            self._count(self._sender.attempt(batch, key), len(batch), poison)
        except KeyboardInterrupt:
            self._tally.unanswered += len(batch)

    def _count(self, outcome: Any, size: int, poison: bool) -> None:
        from actors.cli.demo_sender import Spurned, Taken

        self._in_flight = None
        tally = self._tally
        tally.retries = self._sender.retries
        match outcome:
            case Taken():
                tally.accepted += outcome.accepted
                tally.last_offset = max(tally.last_offset, outcome.last_offset)
                tally.durability = outcome.durability
                tally.latencies.append(outcome.seconds)
                del tally.latencies[:-_LATENCIES]
            case Spurned():
                tally.refused += size
                tally.refused_unexpectedly += 0 if poison else size
                tally.last_refusal = outcome.reason
            case _:
                tally.unanswered += size


def _summary(tally: Tally, as_json: bool) -> None:
    if as_json:
        plain = msgspec.to_builtins(tally) | {
            "latencies": None,
            "ack_p50_ms": round(1000 * tally.median(), 3),
        }
        print(json.dumps({name: value for name, value in plain.items() if value is not None}, indent=2))
        return
    if sys.stdout.isatty():
        print()
    print(
        paint(f"sent {tally.sent:,} = accepted {tally.accepted:,} + refused {tally.refused:,}", "bold"),
        end="",
    )
    print(f" + unanswered {tally.unanswered:,}" if tally.unanswered else "")
    if tally.accepted:
        print(f"acknowledged after {1000 * tally.median():.1f} ms (median), durability {tally.durability}")
    if tally.retries:
        print(f"{tally.retries:,} attempts repeated with the same Idempotency-Key: nothing is doubled")
    if tally.last_refusal:
        print(f"last refusal: {tally.last_refusal}")


def _say(text: str) -> None:
    if sys.stdout.isatty():
        print(f"\r\033[K{cut(text, width())}", end="", flush=True)
    else:
        print(text, flush=True)


def _quiet(_: str) -> None:
    """Say nothing."""
