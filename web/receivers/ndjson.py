"""NDJSON: one JSON object a line (`application/x-ndjson`). The index of an item is that of its line,
from 0, blank lines counted."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from journal.events import UNREADABLE
from journal.metric import Metric
from web.receivers.errors import EMPTY, ReceiverError
from web.receivers.items import MetricIn, TimedMetricIn, one_by_one

_fast = msgspec.json.Decoder(MetricIn)
_timed = msgspec.json.Decoder(TimedMetricIn)


def receive(body: bytes) -> list[Metric]:
    """The metrics of `body`, in order, at least one. Raises ReceiverError."""
    try:
        metrics: list[Metric] = [*_fast.decode_lines(body)]
    except UNREADABLE:
        return one_by_one(_lines(body), _timed.decode, "line {}: ".format)
    if not metrics:
        raise ReceiverError(EMPTY)
    return metrics


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, each with its index. One at a time: 8 MiB may be as many lines."""
    start, index = 0, 0
    while start < len(body):
        end = body.find(b"\n", start)
        if end < 0:
            end = len(body)
        line = body[start:end].strip()
        if line:
            yield index, line
        start, index = end + 1, index + 1
