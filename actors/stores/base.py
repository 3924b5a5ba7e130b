"""What a store is: a place that takes a batch of metrics once, however often it is sent.

A store is idempotent on `(journal_id, offset)`. Its errors are classified once, here at the edge; what
is above decides by class alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from journal.events import Metric, Nanoseconds, Offset, metric_time
from web.ports import NameSeen, Series, SessionSeen


class Row(NamedTuple):
    """A metric with its identity: its offset in the journal, and when it was accepted."""

    offset: Offset
    accepted_at: Nanoseconds
    metric: Metric


def as_stored(row: Row) -> Row:
    """`row` as a store gives it back: with its metric's time filled in."""
    if row.metric.time is not None:
        return row
    time = metric_time(row.metric, row.accepted_at)
    return row._replace(metric=msgspec.structs.replace(row.metric, time=time))


class StoreError(Exception):
    """A store could not do what it was asked; the subclass says of what kind the trouble is."""

    kind: Literal["outage", "throttled", "transient", "poison", "denied"]

    def __init__(self, store: str, detail: str) -> None:
        self.store = store
        self.detail = detail
        super().__init__(f"store {store}: {detail}")


class OutageError(StoreError):
    """Nobody answers, or nothing that could store: try later."""

    kind = "outage"


class ThrottledError(StoreError):
    """The store asks for less; `retry_after` seconds where it said so."""

    kind = "throttled"

    def __init__(self, store: str, detail: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(store, detail)


class TransientError(StoreError):
    """This attempt failed by chance (lock, deadlock, time-out): the same batch may pass at once."""

    kind = "transient"


class PoisonError(StoreError):
    """Something in the batch can never be stored."""

    kind = "poison"


class DeniedError(StoreError):
    """The store refuses us: a fault of configuration (rights, schema), not of the data."""

    kind = "denied"


class Store(Protocol):
    """A place for metrics. Every method raises a StoreError of the right kind, never another error."""

    name: str
    """Unique among the stores of a journal; cursors are kept under it."""

    async def open(self, journal_id: str) -> Offset | None:
        """Connect, make the tables where that is ours to do, and return the cursor that the store keeps
        for `journal_id`: None if it has never been written to. May be called again, after `close` or
        after an error, and then connects anew."""
        ...

    async def look(self, journal_id: str) -> Offset | None:
        """Connect for reading only, changing nothing, and return the cursor that the store keeps for
        `journal_id`; None, after which nothing else can be asked, if there is none."""
        ...

    async def write(self, rows: Sequence[Row], cursor: Offset) -> None:
        """Store every row not there yet and move the cursor to `cursor`, in one transaction where the
        store can. Rows are in strictly ascending order of offset, at most as many as the store takes at
        once. All or nothing: after an error or a cancellation the batch may or may not be stored, but
        never half of it, and sending it again makes no double. A row that is there already is kept
        as it is, even where the new one differs."""
        ...

    async def close(self) -> None:
        """Let go of connections, files and threads."""
        ...

    def offsets(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Offset]]:
        """The stored offsets of this journal in `[start, until)`, ascending, in runs of bounded length."""
        ...

    def rows(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Row]]:
        """The stored rows of this journal in `[start, until)`, ascending, in runs of bounded length,
        each equal to `as_stored` of what was written."""
        ...


class HistoryStore(Store, Protocol):
    """A store that can be asked for what it holds: the metrics of all journals that feed it."""

    async def series(
        self, name: str, start: Nanoseconds, until: Nanoseconds, step: Nanoseconds, source: str | None
    ) -> list[Series]:
        """Per source, sorted, down-sampled to `step`: the points of `[start, until)` that have metrics.

        A metric belongs to the point at `floor(time / step) * step`, so the first point may begin
        before `start`. Each mean lies between its min and its max, even where the sum leaves the range
        of a double. The unit is that of the latest metric. Raises ValueError for a step below 1.
        """
        ...

    async def names(self) -> list[NameSeen]:
        """Every metric name, sorted, with kind and unit of its latest metric and its sources, sorted."""
        ...

    async def sessions(self) -> list[SessionSeen]:
        """Every session that was given one, by source, the latest seen first."""
        ...
