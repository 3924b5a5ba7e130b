"""A store behind time-outs and its circuit breaker: every call has an end, and the breaker hears of it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from actors.persistence.progress import StoreProgress
from actors.stores.base import (
    DeniedError,
    FlagRow,
    LetterRow,
    OutageError,
    PoisonError,
    Row,
    Store,
    StoreError,
)
from journal.metric import Offset

T = TypeVar("T")


class GuardedStore:
    """`store`, no call of which lasts longer than `timeout` seconds. `recovered` is called when its breaker,
    which is that of `progress`, closes again."""

    def __init__(
        self,
        store: Store,
        progress: StoreProgress,
        *,
        timeout: float,
        recovered: Callable[[], None],
    ) -> None:
        self.name = store.name
        self.batch = store.batch
        self._store = store
        self._breaker = progress.breaker
        self._timeout = timeout
        self._recovered = recovered
        self._progress = progress

    @property
    def position(self) -> str:
        """Where the breaker stands; "off" where there is none."""
        return self._breaker.position if self._breaker is not None else "off"

    @property
    def is_probing(self) -> bool:
        """Whether what is tried next decides whether the breaker closes."""
        return self._breaker is not None and self._breaker.position == "half-open"

    def held(self) -> float | None:
        """Seconds for which nothing may be tried; 0: a probe is due; None: nothing holds it."""
        return self._breaker.held() if self._breaker is not None else None

    def admit(self) -> bool:
        """Whether what is tried now begins a probe; call it before trying anything."""
        if self._breaker is None or self._breaker.position == "closed":
            return False
        return self._breaker.admit()

    async def open(self, journal_id: str) -> Offset | None:
        """See Store. Opening is not taking anything: the breaker hears of failures only."""
        try:
            return await self._within(self._store.open(journal_id))
        except StoreError as error:
            self._report(error)
            raise

    async def write(self, rows: Sequence[Row], cursor: Offset) -> None:
        """See Store."""
        try:
            await self._within(self._store.write(rows, cursor))
        except StoreError as error:
            self._report(error)
            raise
        self._answered()

    async def count(self, start: Offset, until: Offset) -> int:
        """How many rows there are in `[start, until)`; it may take many calls."""
        runs = self._store.offsets(start, until)
        held = 0
        try:
            while (run := await self._within(anext(runs, None))) is not None:
                held += len(run)
        except StoreError as error:
            self._report(error)
            raise
        return held

    async def mirror(self, letters: Sequence[LetterRow]) -> None:
        """See Store. A convenience: its failing says nothing against storing metrics."""
        await self._within(self._store.mirror(letters))

    async def mirror_flags(self, flags: Sequence[FlagRow]) -> None:
        """See Store. As `mirror`."""
        await self._within(self._store.mirror_flags(flags))

    async def maintain(self, keep_days: float | None) -> None:
        """See Store. As `mirror`."""
        await self._within(self._store.maintain(keep_days))

    async def close(self, within: float) -> None:
        """Let go of the store, in at most `within` seconds; one that hangs is left to the process's end."""
        with anyio.move_on_after(within), contextlib.suppress(StoreError):
            await self._store.close()

    async def _within(self, call: Awaitable[T]) -> T:
        self._progress.asked()
        try:
            with anyio.fail_after(self._timeout):
                return await call
        except TimeoutError as error:
            detail = f"no answer within {self._timeout:g} s"
            raise OutageError(self.name, detail, smaller=True) from error
        finally:
            self._progress.answered()

    def _report(self, error: StoreError) -> None:
        """An outage counts, being refused for want of rights opens the breaker at once, what is wrong with
        the data shows that the store is there, if not that it would take anything; that it is busy says
        nothing."""
        match error:
            case OutageError() if self._breaker is not None:
                self._breaker.failed(error)
            case DeniedError() if self._breaker is not None:
                self._breaker.trip(error)
            case PoisonError() if not self.is_probing:
                self._answered()
            case _:
                pass

    def _answered(self) -> None:
        if self._breaker is None or self._breaker.is_held:
            return
        was_away = self._breaker.position != "closed"
        self._breaker.succeeded()
        if was_away:
            self._recovered()

    def nothing_passes(self, error: StoreError) -> None:
        """Every row of a batch failed by itself: together that is `error`."""
        self._report(error)
