"""How far a store is, as its actor knows it and as people are told."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Generator
from typing import Literal, NamedTuple

import anyio

from actors.core.persistence import Feeding, Opening, State, Waiting
from actors.persistence.breaker import SECOND, StoreBreaker
from journal.log import Journal
from journal.metric import Nanoseconds, Offset
from journal.state import CursorState
from web.report import StoreStatus

FOLLOWING_LAG = 10_000
"""Metrics; a store that is no further behind follows, one that is catches up."""

SILENT_FROM = 3.0
"""Seconds after which people are told that the store has not answered yet."""


class Stock(NamedTuple):
    """What became of the metrics before `cursor` when a store was opened: it was given `persisted`, others
    are dead letters, had been retired before it could have them (`missing`), or were `lost` with a damage
    before that. `inside`: of the lost range that the cursor is in, so many metrics were settled in time.
    """

    cursor: Offset
    persisted: int
    dead_lettered: int
    missing: int
    lost: int
    inside: int


class StoreProgress:
    """How far a store is; outlives its actor's restarts.

    Until the store has been opened, the numbers are what the journal last heard. `breaker` is None where
    there is none; `fed` is False where persistence is switched off.
    """

    def __init__(
        self, name: str, journal: Journal, breaker: StoreBreaker | None = None, *, fed: bool = True
    ) -> None:
        self.name = name
        known = journal.state.cursors.get(name, CursorState(Offset(0), 0))
        self.cursor = known.offset
        self.persisted = known.persisted
        self.dead_lettered = known.dead_lettered
        self.lost = known.lost
        """Metrics that a damage of the journal took before the store was given them."""
        self.missing = 0
        """Metrics that the store will never be given: they were retired before it could have them."""
        self.breaker = breaker
        self.fed = fed
        self.opened = False
        self.state: State = Opening()
        self.failing_since: Nanoseconds = 0
        self.waiting_since: Nanoseconds = 0
        """When the oldest metric that the store lacks was accepted, as far as is known; 0: it lacks none."""
        self._asked_at: float | None = None
        self._attempt = anyio.CancelScope()
        self._end = math.inf

    @contextlib.contextmanager
    def attempting(self) -> Generator[None]:
        """Cut the block off where it lasts beyond what `end_at` says, also if that is said meanwhile."""
        with anyio.CancelScope(deadline=self._end) as self._attempt:
            yield

    def end_at(self, deadline: float) -> None:
        """Attempt nothing beyond `deadline`, in seconds of the event loop's clock."""
        self._end = self._attempt.deadline = deadline

    @property
    def is_late(self) -> bool:
        """Whether the time for attempts is over."""
        return self._end <= anyio.current_time()

    @property
    def needed_from(self) -> Offset:
        """The offset from which this store still needs the journal."""
        return self.cursor if self.opened else Offset(0)

    @property
    def away(self) -> str | None:
        """Why nothing should be asked of the store now; None: ask."""
        if self.breaker is None or self.breaker.position != "open" or self.breaker.is_held:
            return None
        return f"the circuit breaker of store {self.name} is open: {self.breaker.state.error}"

    def asked(self) -> None:
        """A call to the store has begun."""
        self._asked_at = time.monotonic()

    def answered(self) -> None:
        """It is over, however it ended."""
        self._asked_at = None

    @property
    def silent_for(self) -> float:
        """Seconds that a call has gone unanswered, if that is long."""
        silent = time.monotonic() - self._asked_at if self._asked_at is not None else 0.0
        return silent if silent >= SILENT_FROM else 0.0

    def took_stock(self, stock: Stock) -> None:
        """The store has been opened, and is as `stock` says."""
        self.cursor = stock.cursor
        self.persisted = stock.persisted
        self.dead_lettered = stock.dead_lettered
        self.missing = stock.missing
        self.lost = stock.lost

    def passed(self, persisted: int, dead_lettered: int) -> None:
        """So many metrics more are in the store, and so many more are dead letters instead."""
        self.persisted += persisted
        self.dead_lettered += dead_lettered

    def lose(self, metrics: int) -> None:
        """So many metrics more were lost before the store was given them."""
        self.lost += metrics

    def settled_all(self, accepted: int) -> None:
        """Everything before the cursor, `accepted` metrics, is settled. Where a damage hid how many it took,
        they were counted as the most that it can have been, and are corrected here."""
        settled = self.persisted + self.dead_lettered + self.missing + self.lost
        self.lost -= max(0, min(self.lost, settled - accepted))

    def redriven(self, metrics: int) -> None:
        """So many dead letters are in the store now."""
        self.persisted += metrics
        self.dead_lettered -= metrics

    def lag(self, accepted: int) -> int:
        """Metrics that wait, `accepted` being in the journal."""
        return accepted - self.persisted - self.dead_lettered - self.missing - self.lost

    def status(self, accepted: int, now: Nanoseconds) -> StoreStatus:
        """The store at a glance, `accepted` metrics being in the journal."""
        lag, breaker, state = self.lag(accepted), self.breaker, self.state
        waiting = lag > 0 and self.waiting_since > 0
        return StoreStatus(
            name=self.name,
            cursor=self.cursor,
            lag=lag,
            persisted=self.persisted,
            breaker=breaker.position if breaker is not None else "off",
            state=self._shown(lag),
            last_error=self._error(),
            lag_seconds=max(0.0, (now - self.waiting_since) / SECOND) if waiting else 0.0,
            dead_lettered=self.dead_lettered,
            breaker_since=breaker.state.since if breaker is not None else 0,
            next_probe_at=breaker.state.probe_at if breaker is not None else 0,
            attempts=self._attempts(),
            error_kind=state.kind if isinstance(state, Waiting) else None,
            failing_since=self.failing_since,
            missing=self.missing,
            lost=self.lost,
            breaker_by=breaker.state.by if breaker is not None else "",
        )

    def _error(self) -> str | None:
        if silent := self.silent_for:
            return f"store {self.name}: no answer for {silent:.0f} s so far"
        if not isinstance(self.state, Opening):
            return self.state.error
        return (self.breaker.state.error or None) if self.breaker is not None else None

    def _attempts(self) -> int:
        known = self.breaker.failures if self.breaker is not None else 0
        return max(self.state.attempts, known)

    def _shown(
        self, lag: int
    ) -> Literal["starting", "following", "catching-up", "waiting", "blocked", "off"]:
        if not self.fed:
            return "off"
        match self.state:
            case Opening() if self.breaker is not None and self.breaker.position != "closed":
                return "waiting"
            case Opening():
                return "starting"
            case Waiting(kind="poison" | "denied" | "corrupt" | "queue"):
                return "blocked"
            case Waiting() | Feeding(error=str()):
                return "waiting"
            case Feeding() if self.breaker is not None and self.breaker.is_held:
                return "waiting"
            case Feeding() if self.silent_for:
                return "waiting"
            case Feeding():
                return "following" if lag <= FOLLOWING_LAG else "catching-up"
