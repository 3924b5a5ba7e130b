"""What a store is: a place that takes a batch of metrics once, however often it is sent.

A store is idempotent on `(journal_id, offset)`. Its errors are classified once, here at the edge; what
is above decides by class alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias

import msgspec

from journal.flags import FlagValue
from journal.metric import Metric, Nanoseconds, Offset, metric_time
from journal.state import LetterStatus
from web.evaluations import FlagType
from web.ports import AttributeSeen, NameSeen, Series, SeriesQuery, SessionSeen


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


class Refusal(msgspec.Struct, frozen=True):
    """Why one metric can never be stored: a cause out of CAUSES, and what the store says."""

    offset: Offset
    cause: str
    detail: str


class FlagRow(msgspec.Struct, frozen=True):
    """A feature flag as a store mirrors it: `value` is for sessions inside `rollout` percent, `default` for
    all others. `updated_at` None: nothing was ever decided."""

    name: str
    type: FlagType
    value: FlagValue
    default: FlagValue
    rollout: float
    description: str
    updated_at: Nanoseconds | None


class LetterRow(msgspec.Struct, frozen=True):
    """A dead letter as a store mirrors it, for the people who look there. See journal.events.DeadLetter."""

    offset: Offset
    accepted_at: Nanoseconds
    metric: Metric
    cause: str
    error: str
    attempts: int
    status: LetterStatus
    first_failed_at: Nanoseconds
    last_failed_at: Nanoseconds


class BatchRange(NamedTuple):
    """How many rows a write may have: `first` to begin with and `most` where the store takes them gladly."""

    first: int
    most: int


ErrorKind: TypeAlias = Literal["outage", "throttled", "transient", "poison", "denied"]


class StoreError(Exception):
    """A store could not do what it was asked; the subclass says of what kind the trouble is.

    `code` is what the store calls it, where it has a name for it: an SQLSTATE, an HTTP status.
    `smaller`: fewer rows at a time may help (statement time-out, request too large).
    """

    kind: ErrorKind

    def __init__(self, store: str, detail: str, *, code: str = "", smaller: bool = False) -> None:
        self.store = store
        self.detail = detail
        self.code = code
        self.smaller = smaller
        super().__init__(f"store {store}: {detail}")


class OutageError(StoreError):
    """Nobody answers, or nothing that could store: try later."""

    kind = "outage"


class DatabaseWentBackError(OutageError):
    """The database at `place` no longer holds what it has confirmed: a failover lost it, a backup was put
    back, its tables were made anew. Opening the store again reads its cursor anew."""

    def __init__(self, store: str, place: str, confirmed: Offset) -> None:
        self.confirmed = confirmed
        super().__init__(
            store,
            f"{place} had confirmed every metric before offset {confirmed} and no longer does (a failover, "
            "a backup put back, tables made anew): its cursor is read anew, and the journal fills what is "
            "missing",
        )


class ThrottledError(StoreError):
    """The store asks for less; `retry_after` seconds where it said so."""

    kind = "throttled"

    def __init__(self, store: str, detail: str, retry_after: float | None = None, *, code: str = "") -> None:
        self.retry_after = retry_after
        super().__init__(store, detail, code=code)


class TransientError(StoreError):
    """This attempt failed by chance (lock, deadlock, time-out): the same batch may pass at once."""

    kind = "transient"


class PoisonError(StoreError):
    """Something in the batch can never be stored; nothing of it was.

    `cause` is one of CAUSES. `refusals` names the guilty rows where the store knows all or some of them
    without being asked again; empty where it does not, and then the batch has to be searched.
    """

    kind = "poison"

    def __init__(
        self,
        store: str,
        detail: str,
        *,
        cause: str = "refused",
        refusals: Sequence[Refusal] = (),
        code: str = "",
        smaller: bool = False,
    ) -> None:
        self.cause = cause
        self.refusals = tuple(refusals)
        super().__init__(store, detail, code=code, smaller=smaller)


CAUSES = {
    "check": "breaks a check that the table's owner has set",
    "not-null": "lacks what its column must have",
    "foreign-key": "refers to what is not there",
    "duplicate": "is there already, under another identity",
    "bad-type": "has a value that its column cannot hold",
    "out-of-range": "has a number or a time beyond what its column can hold",
    "nul-byte": "has a NUL byte in a text",
    "bad-text": "has a text that is not Unicode",
    "too-large": "is larger than the store takes",
    "refused": "is refused, for a reason that has no name of its own",
}
"""What can be wrong with a metric: the causes of dead letters, each with the end of a sentence on it."""


class DeniedError(StoreError):
    """The store refuses us: a fault of configuration (rights, schema), not of the data."""

    kind = "denied"


class Store(Protocol):
    """A place for metrics. Every method raises a StoreError of the right kind, never another error."""

    name: str
    """Unique among the stores of a journal; cursors are kept under it."""

    batch: BatchRange

    async def open(self, journal_id: str) -> Offset | None:
        """Connect, make the tables where that is ours to do, and return the cursor that the store keeps
        for `journal_id`: None if it has never been written to. May be called again, after `close` or
        after an error, and then connects anew."""
        ...

    async def look(self, journal_id: str) -> Offset | None:
        """Connect for reading only, changing nothing, and return the cursor that the store keeps for
        `journal_id`; None, after which nothing else can be asked, if there is none."""
        ...

    async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
        """Store every row not there yet and move the cursor to `cursor`, in one transaction where the
        store can; None leaves it where it is. Rows are in strictly ascending order of offset, at most as
        many as the store takes at once. All or nothing: after an error or a cancellation the batch may or
        may not be stored, but never half of it, and sending it again makes no double. A row that is there
        already is kept as it is, even where the new one differs."""
        ...

    async def advance(self, cursor: Offset) -> None:
        """Move the cursor on to `cursor`, or give the journal its first; one that is there or beyond, since
        others move it too, stays. Only for who knows that the store holds everything before."""
        ...

    async def mirror(self, letters: Sequence[LetterRow]) -> None:
        """Keep a copy of `letters`, in the order of their offsets, in the table of dead letters; one that is
        there already under this journal, store and offset is replaced. All or nothing, like `write`. What a
        text column cannot hold (NUL) is shown escaped; the metric itself is kept whole, as ASCII JSON."""
        ...

    async def mirror_flags(self, flags: Sequence[FlagRow]) -> None:
        """Have the table of feature flags hold `flags` for this journal, and no others."""
        ...

    async def maintain(self, keep_days: float | None) -> None:
        """Do what the store must do by the clock: partitions ahead, roll-ups, and, unless `keep_days` is
        None, deleting what is older. Called about once a minute while the store answers; may do nothing."""
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

    async def series(self, query: SeriesQuery) -> list[Series]:
        """Per source, sorted, down-sampled to the step of `query`: the points with metrics that it means.

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

    async def attributes(self, name: str) -> list[AttributeSeen]:
        """What the latest metrics of `name` have: see web.ports.History."""
        ...
