"""The circuit breaker of a store: pybreaker decides, the journal remembers.

Outages in a row open it, and so does one refusal for want of rights. While it is open nothing is tried.
Once its time is over it lets one small probe through: if that passes it closes, else it stays open for as
long again. Its moves are events, so a process that is started during an outage probes, and does not hammer.

A person may open it as well: then nothing is tried, after a restart either, until a person closes it.

pybreaker's own way of guarding a call would take a cancellation for a failure. So the call is made first,
and what came of it is told to the breaker afterwards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from msgspec.structs import replace
from pybreaker import CircuitBreaker, CircuitBreakerError, CircuitBreakerStorage

from actors.stores.base import StoreError
from journal.events import BreakerMoved
from journal.metric import Nanoseconds
from journal.state import BreakerPosition, BreakerState, MovedBy

SECOND = 1_000_000_000

HELD_BY_HAND = 3600.0
"""Seconds after which somebody looks whether it is still held by hand; its closing does not wait for that."""


class StoreBreaker:
    """Opens after `threshold` outages in a row, for `timeout` seconds; begins where `known` says it stood.

    `now` is the time of day in nanoseconds: monotonic clocks do not survive a restart. `moved` is called
    with each move, after it has been made.
    """

    def __init__(
        self,
        store: str,
        known: BreakerState,
        *,
        threshold: int,
        timeout: float,
        now: Callable[[], Nanoseconds],
        moved: Callable[[BreakerMoved], None],
    ) -> None:
        self._store = store
        self._timeout = timeout
        self._now = now
        self._moved = moved
        self.state = known
        self._error = known.error
        self._by: MovedBy = ""
        self._breaker = CircuitBreaker(
            fail_max=threshold,
            # Never reached: when a probe is due is for `admit` to say, by a clock that can be set.
            reset_timeout=cast(float, 10**9),
            state_storage=_Memory(known, self._move),
            throw_new_error_on_trip=False,
        )

    @property
    def position(self) -> BreakerPosition:
        """Where it stands."""
        return self.state.position

    @property
    def failures(self) -> int:
        """Outages in a row."""
        return self._breaker.fail_counter

    def held(self) -> float | None:
        """Seconds for which nothing may be tried; 0: a probe is due; None: it is not open."""
        if self.state.position != "open":
            return None
        if self.is_held:
            return HELD_BY_HAND
        held = (self.state.probe_at - self._now()) / SECOND
        if held > self._timeout:
            # A clock that was set back must not keep it open for longer than a whole time-out.
            held = self._timeout
            self.state = replace(self.state, probe_at=self._now() + int(held * SECOND))
        return max(0.0, held)

    @property
    def is_held(self) -> bool:
        """Whether a person holds it open. What comes of a write that was under way then moves it no more."""
        return self.state.position == "open" and self.state.by == "hand"

    def switch_off(self) -> None:
        """Open at once, by hand, until `probe_now`."""
        if not self.is_held:
            self._by = "hand"
            self._breaker.open()
            self._by = ""

    def probe_now(self) -> None:
        """Where it is open, by hand or not, let a probe through at once; it decides."""
        if self.state.position == "open":
            now, state = self._now(), self.state
            self.state = BreakerState("open", now, state.failures, state.error, now)
            self._moved(BreakerMoved(self._store, "open", state.failures, state.error, now))

    def admit(self) -> bool:
        """Whether what is tried now is the probe; an open breaker, its time over, is half-open from here."""
        if self.state.position == "open":
            self._breaker.half_open()
        return self.state.position == "half-open"

    def succeeded(self) -> None:
        """The store has answered, if only to refuse: that is no outage."""
        if not self.is_held:
            self._breaker.call(lambda: None)

    def failed(self, error: StoreError) -> None:
        """The store has not answered, or could not have stored anything."""
        if self.is_held:
            return
        self._error = str(error)
        with contextlib.suppress(StoreError, CircuitBreakerError):
            self._breaker.call(_raise, error)

    def trip(self, error: StoreError) -> None:
        """Open at once: trying again would change nothing before somebody has done something."""
        if self.is_held:
            return
        self._error = str(error)
        self._breaker.open()

    def _move(self, position: BreakerPosition, failures: int) -> None:
        now = self._now()
        timed = position == "open" and not self._by
        probe_at = now + int(self._timeout * SECOND) if timed else 0
        if position == "closed":
            failures, self._error = 0, ""
        self.state = BreakerState(position, now, failures, self._error, probe_at, self._by)
        self._moved(BreakerMoved(self._store, position, failures, self._error, probe_at, self._by))


def _raise(error: StoreError) -> None:
    raise error


class _Memory(CircuitBreakerStorage):
    """What pybreaker keeps between calls; each move is told to `moved`."""

    def __init__(self, known: BreakerState, moved: Callable[[BreakerPosition, int], None]) -> None:
        super().__init__("journal")
        self._state: str = known.position
        self._counter = known.failures
        self._successes = 0
        self._told = moved

    @property
    def state(self) -> str:
        """See CircuitBreakerStorage."""
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        self._state = state
        self._told(cast(BreakerPosition, state), self._counter)

    def increment_counter(self) -> None:
        """See CircuitBreakerStorage."""
        self._counter += 1

    def reset_counter(self) -> None:
        """See CircuitBreakerStorage."""
        self._counter = 0

    def increment_success_counter(self) -> None:
        """See CircuitBreakerStorage."""
        self._successes += 1

    def reset_success_counter(self) -> None:
        """See CircuitBreakerStorage."""
        self._successes = 0

    @property
    def counter(self) -> int:
        """See CircuitBreakerStorage."""
        return self._counter

    @property
    def success_counter(self) -> int:
        """See CircuitBreakerStorage."""
        return self._successes

    @property
    def opened_at(self) -> datetime | None:
        """See CircuitBreakerStorage. The journal knows; pybreaker need not."""
        return None

    @opened_at.setter
    def opened_at(self, datetime: Any) -> None:
        pass
