"""Every command, query, reply and signal between Forebay's actors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from journal.events import MetricsAsSent, PackedMetrics
from journal.metric import Metric, Nanoseconds, Offset
from web.ports import Receipt


class Submit(msgspec.Struct, frozen=True):
    """Command to ingest: journal one request's metrics, `count` of them, then tell `receive`, once.

    `metrics` are the same once more, for subscribers; none where nobody listens.
    """

    event: PackedMetrics | MetricsAsSent
    count: int
    metrics: Sequence[Metric]
    receive: Callable[[Receipt], None]


class IndexKeys(msgspec.Struct, frozen=True):
    """Command to ingest: write down the idempotency keys that were accepted since the last time."""


IngestMessage: TypeAlias = Submit | IndexKeys


class Arrived(msgspec.Struct, frozen=True):
    """Event to broadcast: `metrics` are in the journal from `first_offset` to before `end`.

    They are fewer where nobody listened when they came. `sequence` grows by one each time: where one is
    left out, events of this kind were dropped.
    """

    sequence: int
    first_offset: Offset
    end: Offset
    time: Nanoseconds
    metrics: Sequence[Metric]

    @property
    def complete(self) -> bool:
        """Whether all of the metrics are here."""
        return len(self.metrics) == self.end - self.first_offset


class SendFrames(msgspec.Struct, frozen=True):
    """Command to broadcast: fold what has arrived into frames and offer them, now."""


class SendStatus(msgspec.Struct, frozen=True):
    """Command to broadcast: offer a status frame."""


BroadcastMessage: TypeAlias = Arrived | SendFrames | SendStatus


class Pull(msgspec.Struct, frozen=True):
    """Command to persistence: there may be more in the journal, or it is time for another attempt."""


class NoteCursor(msgspec.Struct, frozen=True):
    """Command to persistence: journal how far the store is, if that has changed."""


PersistenceMessage: TypeAlias = Pull | NoteCursor


class PrepareSegment(msgspec.Struct, frozen=True):
    """Command to the keeper: have a segment ready for the next roll; see whether there is room again."""


class SyncJournal(msgspec.Struct, frozen=True):
    """Command to the keeper: sync, for journals with `durability = interval`."""


class RetireSegments(msgspec.Struct, frozen=True):
    """Command to the keeper: delete the segments that nobody needs any more."""


KeeperMessage: TypeAlias = PrepareSegment | SyncJournal | RetireSegments
