"""A piece of the journal as an audit looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import msgspec

from actors.stores.base import Row
from journal.events import Event, MetricsAccepted, OffsetsLost, offsets_of
from journal.framing import Record
from journal.metric import Offset
from journal.state import LostRange


class Window:
    """What `records`, which follow one another, hold: from offset `start` up to and without `until`.

    Raises UnknownEventError, as its properties do.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._records: list[tuple[Record, list[Event] | None]] = [
            (record, None if record.plain else record.events()) for record in records
        ]
        self.start = records[0].base
        self.until = records[-1].next_offset

    @cached_property
    def offsets(self) -> list[int]:
        """Those of the metrics, ascending. Of a plain record nothing need be decoded for that."""
        found: list[int] = []
        for record, events in self._records:
            if events is None:
                found += range(record.base, record.next_offset)
                continue
            for first, event in offsets_of(events, record.base):
                if isinstance(event, MetricsAccepted):
                    found += range(first, first + len(event.metrics))
        return found

    @cached_property
    def rows(self) -> list[Row]:
        """The metrics as a store gives them back, one for each of `offsets`."""
        rows: list[Row] = []
        for record, events in self._records:
            time = record.time
            for first, event in offsets_of(record.events() if events is None else events, record.base):
                if isinstance(event, MetricsAccepted):
                    rows += [Row(Offset(at), time, metric) for at, metric in enumerate(event.metrics, first)]
        for _, accepted_at, metric in rows:
            if metric.time is None:
                # What stores.base.as_stored does, in a third of the time: nobody else has this metric.
                msgspec.structs.force_setattr(metric, "time", accepted_at)
        return rows

    @cached_property
    def holes(self) -> list[LostRange]:
        """What a damage took."""
        return [
            LostRange(first, Offset(first + event.count), event.metrics, event.exact)
            for record, events in self._records
            for first, event in offsets_of(events or (), record.base)
            if isinstance(event, OffsetsLost)
        ]
