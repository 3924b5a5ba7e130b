"""What of a record somebody wants to see, as lines: one record at a time, or many at once for `--json`. Pure.

The many take half the time: metrics are decoded into rows that become lines in place, and bodies as sent are
decoded in one call; but not too many, so that what is made of them is encoded before it leaves the cache.
Whatever cannot be read that way (an older version, an unknown event) is left to the other way, which says
what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from journal.events import (
    UNREADABLE,
    Appendable,
    ControlEvent,
    MetricsAccepted,
    MetricsAsSent,
    PackedMetrics,
    encode,
    width,
)
from journal.framing import Record
from journal.inspect.lines import (
    ControlLine,
    Line,
    Row,
    event_fields,
    event_kind,
    events_between,
    metric_line,
)
from journal.inspect.selection import Selection
from journal.metric import MAX_INT64, Nanoseconds, Offset

_PORTION: Final = 512
"""Offsets: the rows of more would not stay in a core's cache."""


class _RowsAccepted(msgspec.Struct, frozen=True, tag_field="type", tag="metrics/1"):
    """MetricsAccepted; its key does not show in a line."""

    metrics: list[Row]
    key: str = ""


_Stored: TypeAlias = _RowsAccepted | MetricsAsSent | ControlEvent
_decoder = msgspec.msgpack.Decoder(list[_Stored])
_json_decoder = msgspec.json.Decoder(list[Row | list[Row]])
_splitter = msgspec.msgpack.Decoder(list[PackedMetrics | MetricsAsSent | ControlEvent])


def portions(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """The `records`, at least one, a few at a time; a large one, which many appends share, in several."""
    if records[-1].next_offset - records[0].base <= _PORTION:
        yield records
        return
    few: list[Record] = []
    for record in records:
        if few and record.next_offset - few[0].base > _PORTION:
            yield few
            few = []
        if record.count > _PORTION:
            yield from ((part,) for part in _split(record))
        else:
            few.append(record)
    if few:
        yield few


def _split(record: Record) -> Iterator[Record]:
    """`record` as several with a part of its events each; as it is where they cannot be read."""
    try:
        events = _splitter.decode(record.payload)
    except UNREADABLE:
        yield record
        return
    some: list[Appendable] = []
    base = end = record.base
    for event in events:
        end = Offset(end + width(event))
        some.append(event)
        if end - base >= _PORTION:
            yield replace(record, base=base, count=end - base, payload=encode(some))
            some, base = [], end
    if some:
        yield replace(record, base=base, count=end - base, payload=encode(some))


class Picker:
    """Picks the lines of a selection out of records. Raises re.error for a `grep` that is no pattern."""

    def __init__(self, selection: Selection) -> None:
        self._wants_control = selection.wants_control
        self._control_test = selection.control_test()
        self._test = selection.metric_test()
        self._begin = selection.since.offset or 0
        self._end = MAX_INT64 if selection.until.offset is None else selection.until.offset

    def lines(self, record: Record) -> list[Line]:
        """The lines of `record` that are asked for. Raises UnknownEventError."""
        lines: list[Line] = []
        begin, end, time = self._begin, self._end, record.time
        for first, event in events_between(record, begin, end):
            if isinstance(event, MetricsAccepted):
                lines += [
                    metric_line(metric, offset, time)
                    for offset, metric in enumerate(event.metrics, first)
                    if begin <= offset < end and (self._test is None or self._test(metric))
                ]
            else:
                lines += self._control(event, first, time)
        return lines

    def rows(self, records: Sequence[Record]) -> list[Row | ControlLine] | None:
        """What `lines` has of all the records, at least one; None where it must be asked."""
        decode = _decoder.decode
        try:
            decoded = [decode(record.payload) for record in records]
            sent = [event.json for events in decoded for event in events if isinstance(event, MetricsAsSent)]
            # One call for all: a call costs as much as two metrics.
            bodies = iter(_json_decoder.decode(b"[%b]" % b",".join(sent)) if sent else ())
        except UNREADABLE:
            return None
        within = self._begin <= records[0].base and records[-1].next_offset <= self._end
        rows: list[Row | ControlLine] = []
        for record, events in zip(records, decoded, strict=True):
            offset, time = record.base, record.time
            for event in events:
                if isinstance(event, MetricsAsSent):
                    body = next(bodies, None)
                    some = body if isinstance(body, list) else [] if body is None else [body]
                    if len(some) != event.count:
                        return None
                elif isinstance(event, _RowsAccepted):
                    some = event.metrics
                else:
                    if offset < self._end and offset + width(event) > self._begin:
                        rows += self._control(event, offset, time)
                    offset += width(event)
                    continue
                for row in some:
                    row.offset = offset
                    offset += 1
                    row.accepted_at = time
                    if row.time is None:
                        row.time = time
                if not within:
                    some = [row for row in some if self._begin <= row.offset < self._end]
                rows += some if self._test is None else filter(self._test, some)
        return rows

    def _control(self, event: ControlEvent, offset: int, time: Nanoseconds) -> list[ControlLine]:
        kind = event_kind(event)
        if not self._wants_control(kind):
            return []
        fields = event_fields(event)
        return [ControlLine(offset, time, kind, fields)] if self._control_test(kind, fields) else []
