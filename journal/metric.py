"""A metric, and what it is counted and timed in."""

from __future__ import annotations

from typing import Annotated, Literal, NewType, TypeAlias

import msgspec
from msgspec import Meta

Offset = NewType("Offset", int)
"""Position of a metric or control event in one journal: 0 for the first, never reused."""

Nanoseconds: TypeAlias = int
"""Integer nanoseconds since the Unix epoch, UTC."""

_MAX_FLOAT = 1.7976931348623157e308
MIN_INT64, MAX_INT64 = -(2**63), 2**63 - 1

# Bounds instead of a check of our own: NaN and the infinities fail both comparisons.
FiniteFloat: TypeAlias = Annotated[float, Meta(ge=-_MAX_FLOAT, le=_MAX_FLOAT)]
Int64: TypeAlias = Annotated[int, Meta(ge=MIN_INT64, le=MAX_INT64)]
AttributeValue: TypeAlias = str | bool | Int64 | FiniteFloat
MAX_ATTRIBUTES = 128

Kind: TypeAlias = Literal["gauge", "counter", "timer", "histogram", "event"]


class Metric(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One measurement, as accepted.

    `time` is None where the client sent none: it is then the time of the record, which is the time of
    receipt; `metric_time` says which. `gc=False` is safe: attributes are flat, so no cycle can form.
    """

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    value: FiniteFloat
    time: Int64 | None = None
    kind: Kind = "gauge"
    unit: str = ""
    source: str = ""
    session: str = ""
    attributes: Annotated[dict[str, AttributeValue], Meta(max_length=MAX_ATTRIBUTES)] = {}


def metric_time(metric: Metric, accepted_at: Nanoseconds) -> Nanoseconds:
    """The time of `metric`: its own, or that of its receipt."""
    return accepted_at if metric.time is None else metric.time
