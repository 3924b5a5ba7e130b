"""Every command, query, reply and signal between Forebay's actors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from actors.core.senders import SenderId
from actors.kernel import Question
from actors.stores.base import LetterRow, Row
from journal.events import DeadLetterRetried, MetricDeadLettered, MetricsAsSent, PackedMetrics
from journal.metric import Metric, Nanoseconds, Offset
from web.letters import Redriven
from web.ports import Receipt


class Submit(msgspec.Struct, frozen=True):
    """Command to ingest: journal one request's metrics, `count` of them, then tell `receive`, once.

    `metrics` are the same once more, for subscribers; none where nobody listens. `senders` says how many are
    whose.
    """

    event: PackedMetrics | MetricsAsSent
    count: int
    metrics: Sequence[Metric]
    receive: Callable[[Receipt], None]
    senders: Mapping[SenderId, int] = {}


class IndexKeys(msgspec.Struct, frozen=True):
    """Command to ingest: write down the idempotency keys that were accepted since the last time."""


IngestMessage: TypeAlias = Submit | IndexKeys


class Arrived(msgspec.Struct, frozen=True):
    """Event to broadcast: `metrics` are in the journal from `first_offset` to before `end`.

    They are the first of those only, or none, where nobody listened when the others came, or what was there
    was enough for one time. `sequence` grows by one each time: where one is
    left out, events of this kind were dropped.
    """

    sequence: int
    first_offset: Offset
    end: Offset
    time: Nanoseconds
    metrics: Sequence[Metric]


class SendFrames(msgspec.Struct, frozen=True):
    """Command to broadcast: fold what has arrived into frames and offer them, now."""


class SendStatus(msgspec.Struct, frozen=True):
    """Command to broadcast: offer a status frame."""


BroadcastMessage: TypeAlias = Arrived | SendFrames | SendStatus


class Pull(msgspec.Struct, frozen=True):
    """Command to persistence: there may be more in the journal, or it is time for another attempt."""


class NoteCursor(msgspec.Struct, frozen=True):
    """Command to persistence: journal how far the store is, if that has changed."""


class MaintainStore(msgspec.Struct, frozen=True):
    """Command to persistence: have the store do what it must do by the clock."""


class WriteLetters(msgspec.Struct, frozen=True):
    """Command to persistence: send these dead letters to the store once more, and tell the queue what came
    of it with LettersWritten. `rows` are the metrics of the letters `ids`, one for one."""

    ids: Sequence[Offset]
    rows: Sequence[Row]


class MirrorLetters(msgspec.Struct, frozen=True):
    """Command to persistence: mirror `letters`, which bring the store's table from `start` up to `before` of
    the queue's journal, and tell the queue with LettersMirrored."""

    letters: Sequence[LetterRow]
    start: Offset
    before: Offset


PersistenceMessage: TypeAlias = Pull | NoteCursor | MaintainStore | WriteLetters | MirrorLetters


class Bury(Question[None], frozen=True):
    """Question to the queue: keep these metrics, which `store` does not take. Answered once they are as
    durable as the queue's journal makes them; one that is in the queue already is left as it is."""

    store: str
    letters: Sequence[MetricDeadLettered]


class RedriveOne(Question[Redriven], frozen=True):
    """Question to the queue: send letter `id` to its store again, or `edited` in its place."""

    id: Offset
    edited: Metric | None = None


class RedriveSome(Question[None], frozen=True):
    """Question to the queue: send these letters to their stores again, at most `rate` a second. Answered once
    they are queued."""

    ids: Sequence[Offset]
    rate: float | None = None


class DiscardSome(Question[int], frozen=True):
    """Question to the queue: give these letters up; answered with how many were there."""

    ids: Sequence[Offset]


class LettersWritten(msgspec.Struct, frozen=True):
    """Event to the queue: of the letters that were sent to `store`, it holds `stored` now and has refused
    `refused` once more; what is in neither was not tried: the store is away."""

    store: str
    stored: Sequence[Offset]
    refused: Sequence[DeadLetterRetried]


class LettersMirrored(msgspec.Struct, frozen=True):
    """Event to the queue: the table of dead letters in `store`, which was up to date up to `start`, is up to
    `before`; None: it could not be reached."""

    store: str
    start: Offset
    before: Offset | None


class StoreWentBack(msgspec.Struct, frozen=True):
    """Event to the queue: `store` holds less than it did; its table of dead letters went the same way."""

    store: str


class StoreRecovered(msgspec.Struct, frozen=True):
    """Event to the queue: the breaker of `store` has closed again."""

    store: str


class KeepHouse(msgspec.Struct, frozen=True):
    """Command to the queue: expire, redrive, mirror and retire what is due."""


DeadLettersMessage: TypeAlias = (
    Bury
    | RedriveOne
    | RedriveSome
    | DiscardSome
    | LettersWritten
    | LettersMirrored
    | StoreWentBack
    | StoreRecovered
    | KeepHouse
)


class PrepareSegment(msgspec.Struct, frozen=True):
    """Command to the keeper: have a segment ready for the next roll; see whether there is room again."""


class SyncJournal(msgspec.Struct, frozen=True):
    """Command to the keeper: sync, for journals with `durability = interval`."""


class RetireSegments(msgspec.Struct, frozen=True):
    """Command to the keeper: delete the segments that nobody needs any more."""


KeeperMessage: TypeAlias = PrepareSegment | SyncJournal | RetireSegments
