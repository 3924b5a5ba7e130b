"""The metrics of a record, each with its identity."""

from __future__ import annotations

from actors.stores.base import Row
from journal.events import MetricsAccepted, offsets_of
from journal.framing import Record
from journal.metric import Offset


def rows_of(record: Record, begin: Offset) -> list[Row]:
    """The metrics of `record` from offset `begin` on. Raises UnknownEventError."""
    rows: list[Row] = []
    for offset, event in offsets_of(record.events(), record.base):
        if isinstance(event, MetricsAccepted):
            rows += [Row(Offset(at), record.time, metric) for at, metric in enumerate(event.metrics, offset)]
    return [row for row in rows if row.offset >= begin] if record.base < begin else rows
