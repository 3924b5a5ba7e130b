"""The metrics of a record, each with its identity, and what a damage has left of a record."""

from __future__ import annotations

from actors.stores.base import Row
from journal.events import MetricsAccepted, OffsetsLost, offsets_of
from journal.framing import Record
from journal.metric import Offset
from journal.state import LostRange


def rows_of(record: Record, begin: Offset) -> list[Row]:
    """The metrics of `record` from offset `begin` on; none of what was lost. Raises UnknownEventError."""
    rows: list[Row] = []
    for offset, event in offsets_of(record.events(), record.base):
        if isinstance(event, MetricsAccepted):
            rows += [Row(Offset(at), record.time, metric) for at, metric in enumerate(event.metrics, offset)]
    return [row for row in rows if row.offset >= begin] if record.base < begin else rows


def holes_of(record: Record) -> list[LostRange]:
    """What `journal repair` gave up, where `record` stands in its place: then there is nothing else in it.

    Raises UnknownEventError.
    """
    if record.plain:
        return []
    return [
        LostRange(offset, Offset(offset + event.count), event.metrics, event.exact)
        for offset, event in offsets_of(record.events(), record.base)
        if isinstance(event, OffsetsLost)
    ]
