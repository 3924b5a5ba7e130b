"""The ports of the edge, in memory: they keep their contracts, and forget everything at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import msgspec

from journal.flags import FlagValue
from journal.metric import Metric, Offset
from web.ports import (
    Accepted,
    AttributeSeen,
    Frame,
    FrameSink,
    Gap,
    Hello,
    HistoryUnavailableError,
    LiveMetric,
    Metrics,
    NameSeen,
    Point,
    Receipt,
    Refused,
    Series,
    SeriesQuery,
    SessionSeen,
    Volley,
)
from web.report import ActorStatus, DeadLetterStatus, JournalStatus, StatusReport, StoreStatus


class MemoryIngest:
    """Accepts into a list, in the next turn of the loop; `hold` keeps receipts back until `release`."""

    def __init__(self, capacity: int = 1_000_000) -> None:
        self.metrics: list[Metric] = []
        self.capacity = capacity
        self.refuse_with: Refused | None = None
        self.hold = False
        self._held: list[tuple[Callable[[Receipt], None], Receipt]] = []
        self._receipts: dict[str, Accepted] = {}
        self.waiting = asyncio.Event()

    def offer(
        self, metrics: list[Metric], key: str, receive: Callable[[Receipt], None], sent: bytes = b""
    ) -> None:
        """As web.ports.Ingest says."""
        if self.refuse_with is not None:
            receive(self.refuse_with)
            return
        if len(self.metrics) + len(metrics) > self.capacity:
            receive(Refused("busy", "the mailbox of the ingest actor is full", 1.0))
            return
        receipt = self._receipts.get(key) if key else None
        if receipt is None:
            first = len(self.metrics)
            self.metrics += metrics
            receipt = Accepted(len(metrics), Offset(first), Offset(len(self.metrics) - 1), "fsync")
            if key:
                self._receipts[key] = receipt
        if self.hold:
            self._held.append((receive, receipt))
            self.waiting.set()
        else:
            asyncio.get_running_loop().call_soon(receive, receipt)

    def release(self) -> None:
        """Hand out what `hold` kept back, the latest first: order is the connection's business."""
        held, self._held = self._held, []
        self.waiting.clear()
        for receive, receipt in reversed(held):
            receive(receipt)


def metrics_frame(first: int, last: int) -> Frame:
    """A frame with one metric an offset."""
    metrics = [LiveMetric(Offset(offset), "m", float(offset), 0) for offset in range(first, last + 1)]
    return Frame(encode(Metrics(Offset(first), Offset(last), metrics)), first, last)


def encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


class MemoryLive:
    """A journal of numbered metrics: `publish` appends some and offers their frame to every subscriber."""

    def __init__(self, next_offset: int = 0, retired_before: int = 0, frame_size: int = 10) -> None:
        self.next_offset = next_offset
        self.retired_before = retired_before
        self.frame_size = frame_size
        self.sinks: list[FrameSink] = []
        self.backfilling = 0
        """Backfills under way."""

    def hello(self, flags: dict[str, FlagValue]) -> Frame:
        """As web.ports.Live says."""
        return Frame(encode(Hello("journal-1", Offset(self.next_offset), flags, "0")))

    @contextmanager
    def subscribe(self, sink: FrameSink) -> Iterator[Offset]:
        """As web.ports.Live says."""
        self.sinks.append(sink)
        try:
            yield Offset(self.next_offset)
        finally:
            self.sinks.remove(sink)

    async def backfill(self, first: Offset, until: Offset) -> AsyncIterator[Frame]:
        """As web.ports.Live says."""
        self.backfilling += 1
        try:
            if first < self.retired_before:
                last = min(self.retired_before, until) - 1
                yield Frame(encode(Gap(first, Offset(last), "retired")))
                first = Offset(last + 1)
            while first < until:
                await asyncio.sleep(0)
                last = min(first + self.frame_size, until) - 1
                yield metrics_frame(first, last)
                first = Offset(last + 1)
        finally:
            self.backfilling -= 1

    def publish(self, count: int) -> None:
        """Append `count` metrics and tell everybody."""
        frame = metrics_frame(self.next_offset, self.next_offset + count - 1)
        self.next_offset += count
        for sink in tuple(self.sinks):
            sink.offer(Volley((frame,)))

    def notify(self, frame: Frame) -> None:
        """Offer any frame to everybody."""
        for sink in tuple(self.sinks):
            sink.offer(Volley((frame,)))


REPORT = StatusReport(
    journal=JournalStatus("journal-1", Offset(0), Offset(42), 1, 4096, 1 << 30, "fsync", "writable"),
    stores=[StoreStatus("sqlite", Offset(40), 2, 40, "closed", "following", None)],
    dead_letters=DeadLetterStatus(0),
    actors=ActorStatus(
        "forebay",
        "/",
        "supervisor",
        "running",
        0,
        0,
        0,
        0,
        0,
        None,
        [ActorStatus("ingest", "/ingest", "actor", "running", 3, 1000, 42, 0, 1, "boom", [])],
    ),
    accepted=42,
    persisted=40,
    dead_lettered=0,
    pending=2,
    version="0.1.0",
    started_at=1_700_000_000_000_000_000,
)


class MemoryStatus:
    """Reports what it is told to; always the same, if it is not."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.look: Callable[[], StatusReport] = lambda: REPORT

    def report(self) -> StatusReport:
        """As web.ports.Status says."""
        return self.look()

    def not_ready(self) -> list[str]:
        """As web.ports.Status says."""
        return self.reasons


class MemoryHistory:
    """Answers with what it was asked, so that a test can see it."""

    def __init__(self) -> None:
        self.error: HistoryUnavailableError | None = None
        self.asked: list[SeriesQuery] = []

    async def series(self, query: SeriesQuery) -> list[Series]:
        """As web.ports.History says."""
        self._fail()
        self.asked.append(query)
        return [Series(query.name, query.source or "", "", [Point(query.start, 1.0, 2.0, 3.0, 4)])]

    async def names(self) -> list[NameSeen]:
        """As web.ports.History says."""
        self._fail()
        return [NameSeen("cpu", "gauge", "1", ["host-1"], 1, 2, 3)]

    async def sessions(self) -> list[SessionSeen]:
        """As web.ports.History says."""
        self._fail()
        return [SessionSeen("s1", "host-1", 1, 2, 3)]

    async def attributes(self, name: str) -> list[AttributeSeen]:
        """As web.ports.History says."""
        self._fail()
        return [AttributeSeen("gpu", ["0", "1"], 3)] if name == "cpu" else []

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error
