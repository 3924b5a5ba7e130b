"""The broadcast actor: folds what arrives into frames, encodes each once, offers it to every subscriber.

It never slows ingest: its mailbox drops the oldest when it is full, and subscribers are told of the gap.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import contextmanager
from typing import Literal

from actors.core.frames import (
    MAX_METRICS,
    Covered,
    beat,
    encode_frame,
    fold,
    live_metric,
    metrics_frame,
    most_metrics,
)
from actors.core.rows import rows_of
from actors.kernel import Actor, Timer
from actors.messages import Arrived, BroadcastMessage, SendFrames, SendStatus
from actors.stores.base import Row
from journal.flags import FlagValue
from journal.log import Journal
from journal.metric import Offset
from journal.reader import OffsetRetiredError, reading_own
from journal.segment import JournalCorruptError
from web.outbox import gap_frame
from web.ports import Frame, FrameSink, Gap, Hello, LiveMetric, Status, StatusFrame, Volley

STATUS_EVERY = 1.0
"""Seconds between two status frames."""


class Subscribers:
    """Who listens, and how far frames have covered the journal. Outlives the actor's restarts."""

    def __init__(self, covered: Offset) -> None:
        self.covered = Covered(covered, -1)
        self._sinks: set[FrameSink] = set()
        self._room = most_metrics(1)

    def __len__(self) -> int:
        return len(self._sinks)

    def wants(self, count: int) -> bool:
        """Whether `count` metrics that come in are to be broadcast: somebody listens, and there is room for
        them until frames are sent. To keep more only to leave it out then costs ingest half of its speed."""
        if not self._sinks or self._room <= 0:
            return False
        self._room -= count
        return True

    def make_room(self) -> None:
        """Frames are sent: from now on what comes is for the next ones."""
        self._room = most_metrics(len(self._sinks))

    def offer(self, *frames: Frame) -> None:
        """Hand `frames`, at least one, to everyone."""
        volley = Volley(frames)
        for sink in self._sinks:
            sink.offer(volley)

    @contextmanager
    def including(self, sink: FrameSink) -> Generator[Offset]:
        """Offer every frame to `sink` until the block ends; the value is the first offset that they cover."""
        self._sinks.add(sink)
        try:
            yield self.covered.offset
        finally:
            self._sinks.discard(sink)


class BroadcastActor(Actor[BroadcastMessage]):
    """Sends at most `frames_per_second` times a second, and at once when it has been quiet."""

    def __init__(self, subscribers: Subscribers, status: Status, *, frames_per_second: float) -> None:
        self._subscribers = subscribers
        self._status = status
        self._interval = 1.0 / frames_per_second
        self._arrived: list[Arrived] = []
        self._sent_at = float("-inf")
        self._due: Timer | None = None

    async def started(self) -> None:
        """See Actor."""
        self.context.every(STATUS_EVERY, SendStatus())

    async def receive(self, messages: Sequence[BroadcastMessage]) -> None:
        """See Actor."""
        for message in messages:
            match message:
                case Arrived():
                    self._arrived.append(message)
                case SendFrames():
                    self._due = None
                case SendStatus():
                    if len(self._subscribers):
                        self._subscribers.offer(status_frame(self._status))
        if self._arrived:
            wait = self._sent_at + self._interval - self.context.clock.monotonic()
            if wait <= 0:
                # Whether SendFrames has come or not: a full mailbox may have dropped it.
                self._send()
            elif self._due is None:
                self._due = self.context.after(wait, SendFrames())

    def _send(self) -> None:
        arrived, self._arrived = self._arrived, []
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._subscribers.make_room()
        self._sent_at = beat(self._sent_at, self.context.clock.monotonic(), self._interval)
        if len(self._subscribers) == 0:
            self._subscribers.covered = Covered(arrived[-1].end, arrived[-1].sequence)
            return
        frames, self._subscribers.covered = fold(
            arrived, self._subscribers.covered, self.context.clock.now(), len(self._subscribers)
        )
        if frames:
            self._subscribers.offer(*frames)


def status_frame(status: Status) -> Frame:
    """How the system is, as a frame."""
    return encode_frame(StatusFrame(status.report()))


class LivePort:
    """What the edge asks of what happens: `web.ports.Live`."""

    def __init__(self, subscribers: Subscribers, journal: Journal, status: Status, version: str) -> None:
        self._subscribers = subscribers
        self._journal = journal
        self._status = status
        self._version = version

    @contextmanager
    def subscribe(self, sink: FrameSink) -> Generator[Offset]:
        """See web.ports.Live. The status comes at once, not with the next beat."""
        with self._subscribers.including(sink) as first:
            sink.offer(Volley((status_frame(self._status),)))
            yield first

    def hello(self, flags: dict[str, FlagValue]) -> Frame:
        """See web.ports.Live."""
        return encode_frame(Hello(str(self._journal.id), self._journal.next_offset, flags, self._version))

    async def backfill(self, first: Offset, until: Offset) -> AsyncIterator[Frame]:
        """See web.ports.Live."""
        covered = first
        while covered < until:
            metrics, gone = list[LiveMetric](), until
            reason: Literal["retired", "damaged"] = "retired"
            try:
                async for row in self._rows(covered, until):
                    metrics.append(live_metric(row.offset, row.metric, row.accepted_at))
                    if len(metrics) == MAX_METRICS:
                        yield metrics_frame(metrics, covered, row.offset)
                        covered, metrics = Offset(row.offset + 1), []
            except OffsetRetiredError as error:
                gone = error.first_offset
            except JournalCorruptError as error:
                gone, reason = self._behind(max(covered, error.offset or 0), until), "damaged"
            else:
                if covered < until:
                    yield metrics_frame(metrics, covered, until - 1)
                return
            if metrics:
                yield metrics_frame(metrics, covered, metrics[-1].offset)
                covered = Offset(metrics[-1].offset + 1)
            end = Offset(min(max(gone, covered), until))
            if end > covered:
                yield gap_frame(Gap(covered, Offset(end - 1), reason))
            covered = end

    def _behind(self, damage: int, until: Offset) -> Offset:
        """Where the segment begins that follows the one with `damage` in it; `until` where there is none."""
        return min(
            (each.first_offset for each in self._journal.segments if each.first_offset > damage),
            default=until,
        )

    async def _rows(self, begin: Offset, until: Offset) -> AsyncIterator[Row]:
        async with reading_own(self._journal, begin) as reader:
            while records := await reader.read():
                for record in records:
                    for row in rows_of(record, begin):
                        if row.offset >= until:
                            return
                        yield row
                if records[-1].next_offset >= until:
                    return
