"""What the page's System and Sessions views ask beside the status: shapes, and the port that answers."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import msgspec

from journal.metric import Nanoseconds, Offset


class SegmentSeen(msgspec.Struct, frozen=True):
    """One file of the journal: offsets `[first_offset, last_offset]` (an empty one has a last offset before
    its first), `bytes` written of the `size` that it takes on the disk. The newest one is active."""

    name: str
    first_offset: Offset
    last_offset: Offset
    created_at: Nanoseconds
    bytes: int
    size: int
    state: Literal["sealed", "active"]


class LastCrash(msgspec.Struct, frozen=True):
    """How the actor at `path` crashed last, and how often since the journal began. `traceback` is kept in
    memory: "" for a crash before `since`, when this process started (the journal has it)."""

    path: str
    error: str
    traceback: str
    at: Nanoseconds
    crashes: int
    restarts: int
    since: Nanoseconds


class NoCrash(msgspec.Struct, frozen=True):
    """The actor is there, and has not crashed since the journal began."""


class NoSuchPart(msgspec.Struct, frozen=True):
    """There is no actor, or store, of that name; there are `known`."""

    known: list[str]


CrashAnswer: TypeAlias = LastCrash | NoCrash | NoSuchPart


class Sender(msgspec.Struct, frozen=True):
    """Who sends: `count` metrics of `session` of `source` were accepted from `first_time` to `last_time`
    (times of acceptance). Rates are metrics a second over the last 10 and 60 whole seconds. `silent`:
    nothing has come for much longer than is usual for it, and for 10 s at least."""

    source: str
    session: str
    first_time: Nanoseconds
    last_time: Nanoseconds
    count: int
    rate_10s: float
    rate_60s: float
    silent: bool


class SendersReport(msgspec.Struct, frozen=True):
    """Who has sent since `since`, when this process started, the latest first. The `kept` ones that sent
    last are remembered, at most `limit`; `forgotten` had to make room. Counts are exact up to 20,000 metrics
    a second; beyond it a large batch that several have filled counts for one of them. `GET /api/sessions`
    tells of all that the store holds, without rates."""

    since: Nanoseconds
    kept: int
    limit: int
    forgotten: int
    senders: list[Sender]


class BreakerMove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person wants of a store's breaker. open: write nothing until it is closed, restarts included ·
    closed: try now, and go on by itself."""

    position: Literal["open", "closed"]


class BreakerOff(msgspec.Struct, frozen=True):
    """The store has no breaker that could be moved; `detail` says why."""

    detail: str


class BreakerNow(msgspec.Struct, frozen=True):
    """How the breaker stands after a person has moved it; `by` is "hand" where a person holds it open.
    `noted`: the journal has it, so that the next process knows; False while the journal cannot be written."""

    store: str
    breaker: Literal["closed", "open", "half-open"]
    by: Literal["", "hand"]
    since: Nanoseconds
    noted: bool = True


MoveAnswer: TypeAlias = BreakerNow | BreakerOff | NoSuchPart


class Machinery(Protocol):
    """What can be seen of the running process, and moved by hand."""

    def segments(self) -> list[SegmentSeen]:
        """The journal's files, the oldest first. Reads none of them."""
        ...

    def crash(self, path: str) -> CrashAnswer:
        """How the actor at `path` crashed last."""
        ...

    def senders(self, most: int) -> SendersReport:
        """Who has sent, at most `most` of them."""
        ...

    async def move_breaker(self, store: str, position: Literal["open", "closed"]) -> MoveAnswer:
        """Move the breaker of `store`, and return when the journal has it. A write that is under way is
        finished."""
        ...
