"""What can go wrong on the way to a database, as values; which of it happens now; and who has called.

The same faults are understood by the router, for a request, and by the TCP proxy, for a connection; where
they mean different things, both are said.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Generator
from concurrent.futures import Future
from typing import NamedTuple, TypeAlias

import msgspec


class Unavailable(msgspec.Struct, frozen=True, tag="unavailable"):
    """The gateway says 503 · PostgreSQL says 57P03, cannot connect now."""


class TooManyRequests(msgspec.Struct, frozen=True, tag="too-many-requests"):
    """The gateway says 429, with `Retry-After` in seconds unless None · PostgreSQL says 53300."""

    retry_after: int | None = 1


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """The gateway answers so by itself. Not for a TCP proxy."""

    status: int
    body: str
    content_type: str = "application/json"


def html_error(status: int = 521) -> Answer:
    """An error page of the network before the gateway."""
    page = f"<!DOCTYPE html><html><head><title>{status}</title></head><body>Web server is down</body></html>"
    return Answer(status, page, "text/html; charset=UTF-8")


class BlackHole(msgspec.Struct, frozen=True, tag="black-hole"):
    """Whatever is sent is accepted and never answered · so too on connections that are open already.
    When the rule is removed, whoever still waits is reset."""


class ResetBefore(msgspec.Struct, frozen=True, tag="reset-before"):
    """Reset before anything of the request has reached the database · the connection at once, an open one
    at the next that is sent."""


class ResetMidRequest(msgspec.Struct, frozen=True, tag="reset-mid-request"):
    """Reset when about half of the body has been taken, and nothing was forwarded · reset when `after`
    bytes of the client's have been forwarded on a connection."""

    after: int = 20_000


class ResetAfterCommit(msgspec.Struct, frozen=True, tag="reset-after-commit"):
    """The ambiguous case: the database has committed, and the connection is reset instead of saying so."""


class Delay(msgspec.Struct, frozen=True, tag="delay"):
    """`seconds` pass before it is forwarded · before each piece that a client sends is."""

    seconds: float


class Throttle(msgspec.Struct, frozen=True, tag="throttle"):
    """A database that takes about `rows_per_second`: a request waits for its rows, and where that is longer
    than `statement_timeout` seconds it fails then with 57014 · the client's bytes are slowed, `row_bytes` a
    row."""

    rows_per_second: float
    statement_timeout: float = 8.0
    row_bytes: int = 150


Fault: TypeAlias = (
    Unavailable
    | TooManyRequests
    | Answer
    | BlackHole
    | ResetBefore
    | ResetMidRequest
    | ResetAfterCommit
    | Delay
    | Throttle
)
PASSED = "passed"


def name(fault: Fault) -> str:
    """What `Call.done` says of `fault`: "black-hole" for BlackHole."""
    return str(fault.__struct_config__.tag)


class Call(NamedTuple):
    """One request, or one connection (method "CONNECT", path ""): what was done to it, and when it came."""

    method: str
    path: str
    """Without the query."""
    done: str
    """"passed", "refused" (no route, no key), or the name of the fault."""
    status: int | None
    """None if there was no answer."""
    at: float
    """`time.monotonic()`."""


class Rule:
    """A fault in force: for `times` calls (None: until removed) whose method and path begin so."""

    def __init__(self, fault: Fault, times: int | None, method: str, path: str) -> None:
        self.fault = fault
        self.times = times
        self.method = method
        self.path = path
        self.removed: Future[None] = Future()
        """Done when the rule has been removed: whoever is held by it goes on."""

    def matches(self, method: str, path: str) -> bool:
        """Whether the rule is meant for this call and not used up."""
        return self.times != 0 and method.startswith(self.method) and path.startswith(self.path)


class Faults:
    """Which faults are in force, and what was called. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._calls: list[Call] = []

    def add(self, fault: Fault, *, times: int | None = None, method: str = "", path: str = "") -> Rule:
        """Put `fault` in force, for the next `times` calls that it fits or until removed, beside the others:
        Delay and Throttle add up, of the rest the first one that fits happens."""
        rule = Rule(fault, times, method, path)
        with self._lock:
            self._rules.append(rule)
        return rule

    def set(self, fault: Fault, *, times: int | None = None, method: str = "", path: str = "") -> Rule:
        """Put `fault` in force instead of all others."""
        self.clear()
        return self.add(fault, times=times, method=method, path=path)

    @contextlib.contextmanager
    def during(
        self, fault: Fault, *, times: int | None = None, method: str = "", path: str = ""
    ) -> Generator[Rule]:
        """`fault` is in force within the block."""
        rule = self.add(fault, times=times, method=method, path=path)
        try:
            yield rule
        finally:
            self.remove(rule)

    def remove(self, rule: Rule) -> None:
        """Lift one fault and let go of whom it holds."""
        with self._lock, contextlib.suppress(ValueError):
            self._rules.remove(rule)
        if not rule.removed.done():
            rule.removed.set_result(None)

    def clear(self) -> None:
        """Lift every fault."""
        with self._lock:
            rules = list(self._rules)
        for rule in rules:
            self.remove(rule)

    def take(self, method: str, path: str) -> list[Rule]:
        """What is to happen to this call, used up by it: slowing first, then at most one of the others."""
        with self._lock:
            fitting = [rule for rule in self._rules if rule.matches(method, path)]
            slowing = [rule for rule in fitting if isinstance(rule.fault, Delay | Throttle)]
            ending = [rule for rule in fitting if not isinstance(rule.fault, Delay | Throttle)]
            taken = [*slowing, *ending[:1]]
            for rule in taken:
                if rule.times is not None:
                    rule.times -= 1
            return taken

    def use(self, rule: Rule) -> bool:
        """Use up one of `rule`'s times; False if none is left."""
        with self._lock:
            if rule.times == 0:
                return False
            if rule.times is not None:
                rule.times -= 1
            return True

    def in_force(self) -> list[Rule]:
        """Every rule that is neither removed nor used up."""
        with self._lock:
            return [rule for rule in self._rules if rule.times != 0]

    def record(self, call: Call) -> None:
        """Remember what was done."""
        with self._lock:
            self._calls.append(call)

    def calls(self, method: str = "", path: str = "", done: str = "") -> list[Call]:
        """The calls so far whose method, path and fate begin so, in the order in which they were decided."""
        with self._lock:
            return [
                call
                for call in self._calls
                if call.method.startswith(method)
                and call.path.startswith(path)
                and call.done.startswith(done)
            ]

    def count(self, method: str = "", path: str = "", done: str = "") -> int:
        """How many calls there were so far whose method, path and fate begin so."""
        return len(self.calls(method, path, done))

    def counts(self) -> Counter[tuple[str, str, str]]:
        """How many calls there were so far by method, path and fate."""
        return Counter((call.method, call.path, call.done) for call in self.calls())

    def forget(self) -> None:
        """Count anew."""
        with self._lock:
            self._calls.clear()
