"""Counts what is in records: how much, of which kind, by which name, from which source, when. Pure.

In bounded memory: see journal.inspect.frequent for names and sources, and journal.inspect.timeline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import cast

from journal.events import ControlEvent, MetricsAccepted, SegmentsRetired, UnknownEventError, width
from journal.framing import Record
from journal.inspect.findings import Finding
from journal.inspect.frequent import Frequent
from journal.inspect.growth import Written
from journal.inspect.lean import Named, lean_events
from journal.inspect.lines import event_fields, event_kind
from journal.inspect.selection import Selection
from journal.inspect.timeline import Timeline
from journal.metric import MAX_INT64, Metric, Nanoseconds


class Counts:
    """What is in the records that it takes, of what `selection` asks for."""

    def __init__(self, selection: Selection) -> None:
        self.used = self.records = self.metrics = 0
        self.first_offset: int | None = None
        self.last_offset: int | None = None
        self.first_time: Nanoseconds | None = None
        self.last_time: Nanoseconds | None = None
        self.kinds: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.names = Frequent()
        self.sources = Frequent()
        self.accepted = Timeline()
        self.written = Written()
        self.narrowed = selection.narrows
        """Only a part of what is in the records counts."""
        self._selection = selection
        self._begin = selection.since.offset or 0
        self._end = MAX_INT64 if selection.until.offset is None else selection.until.offset
        self._test = selection.metric_test()
        self._control_test = selection.control_test()

    def take(self, segment: str, records: Sequence[Record], found: Callable[[Finding], None]) -> None:
        """Count `records` of a segment; one whose events cannot be read is told."""
        metrics: list[Metric | Named] = []
        for record in records:
            try:
                chosen = self._chosen(record)
            except UnknownEventError as error:
                lost = (error.offset, record.next_offset)
                found(Finding("event", segment, record.position, error.offset, error.detail, lost))
                continue
            if chosen:
                self.accepted.add(record.time, len(chosen))
                metrics += chosen
        first, last = records[0], records[-1]
        used = sum([record.size for record in records])
        self.written.add(segment, first.time, last.time, used)
        self.used += used
        self.records += len(records)
        if self.first_offset is None:
            self.first_offset, self.first_time = max(first.base, self._begin), first.time
        self.last_offset, self.last_time = min(last.next_offset, self._end) - 1, last.time
        many = len(metrics)
        self.metrics += many
        self.kinds.update(map(attrgetter("kind"), metrics))
        self.names.add(map(attrgetter("name"), metrics), many)
        self.sources.add(map(attrgetter("source"), metrics), many)

    def _chosen(self, record: Record) -> list[Metric | Named]:
        """The metrics of `record` that are asked for; its control events are counted."""
        offset: int = record.base
        chosen: list[Metric | Named] = []
        for event in self._events(record):
            if not isinstance(event, list):
                if self._begin <= offset < self._end:
                    self._control(event, record.time)
                offset += width(event)
                continue
            some = event
            if not self._begin <= offset <= self._end - len(event):
                some = event[max(self._begin - offset, 0) : max(self._end - offset, 0)]
            offset += len(event)
            # Of all but a `grep`, the test looks at what a Named has.
            chosen += some if self._test is None else filter(self._test, cast("list[Metric]", some))
        return chosen

    def _events(self, record: Record) -> Sequence[list[Metric] | list[Named] | ControlEvent]:
        if not self._selection.grep:
            return lean_events(record)
        return [each.metrics if isinstance(each, MetricsAccepted) else each for each in record.events()]

    def _control(self, event: ControlEvent, time: Nanoseconds) -> None:
        if isinstance(event, SegmentsRetired):
            self.written.retired(time, event.bytes)
        kind = event_kind(event)
        if not self._selection.wants_control(kind):
            return
        if not self._selection.grep or self._control_test(kind, event_fields(event)):
            self.events[kind] += 1
