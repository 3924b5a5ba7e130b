"""A record's events with only name, kind and source of each metric: half of the time of decoding it all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from journal.events import UNREADABLE, ControlEvent, Event, MetricsAccepted
from journal.framing import Record


class Named(msgspec.Struct, frozen=True, gc=False):
    """What a Metric is called, and by whom."""

    name: str
    kind: str = "gauge"
    source: str = ""


class _LeanMetrics(msgspec.Struct, frozen=True, tag_field="type", tag="metrics/1"):
    metrics: list[Named]


class _LeanAsSent(msgspec.Struct, frozen=True, tag_field="type", tag="metrics-json/1"):
    json: bytes
    count: int


LeanEvent: TypeAlias = list[Named] | ControlEvent
"""The metrics of a MetricsAccepted, in order, or a control event."""

_decoder = msgspec.msgpack.Decoder(list[_LeanMetrics | _LeanAsSent | ControlEvent])
_json_decoder: msgspec.json.Decoder[Named | list[Named]] = msgspec.json.Decoder(Named | list[Named])


def lean_events(record: Record) -> Sequence[LeanEvent]:
    """The record's events. Raises UnknownEventError."""
    try:
        return [_lean(event) for event in _decoder.decode(record.payload)]
    except UNREADABLE:
        # Of an older version, or of none: whoever decodes all of it knows.
        return [_whole(event) for event in record.events()]


def _lean(event: _LeanMetrics | _LeanAsSent | ControlEvent) -> LeanEvent:
    match event:
        case _LeanMetrics(metrics=metrics):
            return metrics
        case _LeanAsSent(json=json, count=count):
            decoded = _json_decoder.decode(json)
            metrics = decoded if isinstance(decoded, list) else [decoded]
            if len(metrics) != count:
                raise msgspec.DecodeError("not as many metrics as were accepted")
            return metrics
        case _:
            return event


def _whole(event: Event) -> LeanEvent:
    if not isinstance(event, MetricsAccepted):
        return event
    return [Named(metric.name, metric.kind, metric.source) for metric in event.metrics]
