"""What of a record somebody wants to see, as lines: one record at a time, or many at once for `--json`. Pure.

The many take half the time: metrics are decoded into rows that become lines in place, and bodies as sent are
decoded in one call. Whatever cannot be read that way (an older version, an unknown event) is left to the
other way, which says what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from journal.events import ControlEvent, MetricsAccepted, MetricsAsSent, width
from journal.framing import Record
from journal.inspect.lines import (
    UNSAID_KIND,
    ControlLine,
    Line,
    Row,
    event_fields,
    event_kind,
    events_between,
    metric_line,
)
from journal.inspect.selection import Selection
from journal.metric import MAX_INT64, Nanoseconds


class _RowsAccepted(msgspec.Struct, frozen=True, tag_field="type", tag="metrics/1"):
    """MetricsAccepted; its key does not show in a line."""

    metrics: list[Row]
    key: str = ""


_Stored: TypeAlias = _RowsAccepted | MetricsAsSent | ControlEvent
_decoder = msgspec.msgpack.Decoder(list[_Stored])
_json_decoder = msgspec.json.Decoder(list[Row | list[Row]])

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


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
        except _UNREADABLE:
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
                    if row.kind is UNSAID_KIND:
                        row.kind = "gauge"
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
