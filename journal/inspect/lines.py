"""What a metric or a control event looks like as a line, for people and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from journal.events import ControlEvent, MetricsAccepted, offsets_of, width
from journal.framing import Record
from journal.metric import (
    MAX_ATTRIBUTES,
    MIN_INT64,
    AttributeValue,
    FiniteFloat,
    Int64,
    Kind,
    Metric,
    Nanoseconds,
    metric_time,
)

_UNSET: Final = MIN_INT64 - 1
"""No offset and no time: what is equal to a default would be left out."""
_GAUGE: Final[Iterator[Kind]] = repeat("gauge")


class MetricLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A metric with its offset; `time` is its own or that of receipt, `accepted_at` that of receipt."""

    offset: int
    time: Nanoseconds
    accepted_at: Nanoseconds
    kind: str
    name: str
    value: float
    unit: str = ""
    source: str = ""
    session: str = ""
    attributes: dict[str, AttributeValue] = {}


class ControlLine(msgspec.Struct, frozen=True):
    """A control event with its first offset; `kind` is its tag without the version, `event` its fields."""

    offset: int
    time: Nanoseconds
    kind: str
    event: dict[str, Any]


Line: TypeAlias = MetricLine | ControlLine


class Row(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """A MetricLine in the making: decoded like a Metric, completed in place, then encoded.

    Once offset and times are set, it encodes to the bytes of the MetricLine that it stands for.
    """

    offset: int = _UNSET
    time: Int64 | None = None
    accepted_at: int = _UNSET
    # A default that a factory has made is not left out; and this factory takes no Python frame.
    kind: Kind = msgspec.field(default_factory=_GAUGE.__next__)
    name: Annotated[str, Meta(min_length=1, max_length=255)]
    value: FiniteFloat
    unit: str = ""
    source: str = ""
    session: str = ""
    attributes: Annotated[dict[str, AttributeValue], Meta(max_length=MAX_ATTRIBUTES)] = {}


Measured: TypeAlias = Metric | MetricLine | Row


def metric_text(metric: Measured) -> str:
    """Name, value and what else is said of `metric`, in one line, as it was sent."""
    attributes = [f"{name}={_shown(value)}" for name, value in metric.attributes.items()]
    value = f"{metric.value!r}".removesuffix(".0")
    return " ".join(
        filter(None, (metric.name, value, metric.unit, metric.source, metric.session, *attributes))
    )


def event_text(fields: Mapping[str, Any]) -> str:
    """The fields of a control event in one line."""
    return " ".join(f"{name}={_shown(value)}" for name, value in fields.items())


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def event_kind(event: ControlEvent) -> str:
    """The tag of `event` without its version."""
    return str(type(event).__struct_config__.tag).partition("/")[0]


def event_fields(event: ControlEvent) -> dict[str, Any]:
    """What `event` says, without its tag."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    del fields["type"]
    return fields


def events_between(
    record: Record, begin: int, end: int
) -> Iterator[tuple[int, MetricsAccepted | ControlEvent]]:
    """The events of `record` that take an offset of `[begin, end)`. Raises UnknownEventError."""
    for offset, event in offsets_of(record.events(), record.base):
        if offset < end and offset + width(event) > begin:
            yield offset, event


def metric_line(metric: Metric, offset: int, accepted_at: Nanoseconds) -> MetricLine:
    """`metric`, which was accepted at `offset`, as a line."""
    return MetricLine(
        offset,
        metric_time(metric, accepted_at),
        accepted_at,
        metric.kind,
        metric.name,
        metric.value,
        metric.unit,
        metric.source,
        metric.session,
        metric.attributes,
    )
