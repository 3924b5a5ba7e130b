"""Sends batches so that each is stored once, however often it must be sent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import httpx
import msgspec

from actors.cli.client import nobody_listens, refused

_WAITS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts; the last for every further one."""


class Taken(msgspec.Struct, frozen=True):
    """The batch was accepted, `seconds` after it was sent."""

    accepted: int
    last_offset: int
    durability: str
    seconds: float


class Spurned(msgspec.Struct, frozen=True):
    """The batch was refused for what is in it; nothing of it was taken."""

    reason: str


class PushedBack(msgspec.Struct, frozen=True):
    """The server asks to be left alone for `seconds`."""

    seconds: float
    reason: str


class Unanswered(msgspec.Struct, frozen=True):
    """The connection failed: nobody knows whether the batch was taken."""

    reason: str


Outcome: TypeAlias = Taken | Spurned | PushedBack | Unanswered


class Sender:
    """Sends to one process. `told` is called with a sentence before each further attempt at a batch."""

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        told: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url
        self._told = told
        self._sleep = sleep
        self._client = httpx.Client(trust_env=False, timeout=10.0, headers=headers)
        self.retries = 0

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def send(self, batch: list[dict[str, Any]], key: str, until: float = math.inf) -> Outcome:
        """Send `batch` until it is answered, or `until` (monotonic) has passed: the last outcome.

        Every attempt has the same key, so that the batch is stored once. Raises CommandError for an
        answer that no further attempt would change.
        """
        attempt = 0
        while True:
            outcome = self.attempt(batch, key)
            if isinstance(outcome, (Taken, Spurned)) or time.monotonic() >= until:
                return outcome
            wait = _WAITS[min(attempt, len(_WAITS) - 1)]
            if isinstance(outcome, PushedBack):
                wait = max(wait, outcome.seconds)
            self._told(f"{outcome.reason}; again in {wait:g} s")
            self._sleep(wait)
            attempt += 1
            self.retries += 1

    def attempt(self, batch: list[dict[str, Any]], key: str) -> Outcome:
        """Send `batch` once."""
        began = time.perf_counter()
        try:
            response = self._client.post(
                f"{self._url}/api/metrics",
                content=msgspec.json.encode(batch),
                headers={"Content-Type": "application/json", "Idempotency-Key": key},
            )
        except httpx.TransportError as error:
            return Unanswered(f"no answer ({type(error).__name__})")
        return self._classify(response, time.perf_counter() - began)

    def _classify(self, response: httpx.Response, seconds: float) -> Outcome:
        match response.status_code:
            case 202:
                try:
                    body = msgspec.json.decode(response.content, type=dict[str, Any])
                    return Taken(body["accepted"], body["last_offset"], body["durability"], seconds)
                except (msgspec.DecodeError, KeyError) as error:
                    raise refused(self._url, response) from error
            case 400 | 413 | 422:
                return Spurned(problem(response.content))
            case 429 | 500 | 502 | 503 | 504 | 507:
                after = response.headers.get("Retry-After", "")
                wait = float(after) if after.isdecimal() else 0.0
                return PushedBack(wait, f"{response.status_code}: {problem(response.content)}")
            case _:
                raise refused(self._url, response)

    def find(self) -> None:
        """Return when somebody answers at the address. Raises CommandError when nobody does."""
        try:
            self._client.get(f"{self._url}/healthz")
        except httpx.TransportError as error:
            raise nobody_listens(self._url, error) from error


class _Item(msgspec.Struct, frozen=True):
    """A guilty metric, as problem+json lists it."""

    index: int
    field: str
    reason: str


class _Problem(msgspec.Struct, frozen=True):
    """What an `application/problem+json` body says."""

    title: str = ""
    detail: str = ""
    errors: list[_Item] = []


def problem(body: bytes) -> str:
    """What a problem+json `body` says, in one line; of the guilty items the first."""
    try:
        told = msgspec.json.decode(body, type=_Problem)
    except msgspec.DecodeError:
        return " ".join(body[:100].decode(errors="replace").split())
    for item in told.errors:
        return f"metric {item.index}, {item.field}: {item.reason}"
    return told.detail or told.title
