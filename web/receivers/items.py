"""A metric as clients send it, and the slow way through a batch that names each guilty item.

A receiver tries its fast decoder first. Only where that fails is the batch taken apart: to say which
items are wrong, and to accept times written as RFC 3339.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from journal.events import UNREADABLE
from journal.metric import MAX_ATTRIBUTES, AttributeValue, FiniteFloat, Int64, Kind, Metric
from web.receivers.errors import EMPTY, MAX_PROBLEMS, TOO_DEEP, Problem, ReceiverError, invalid_items
from web.receivers.rfc3339 import TimeError, nanoseconds


class MetricIn(Metric, frozen=True, forbid_unknown_fields=True):
    """A Metric from outside: the same, and a misspelt field is an error. It is journaled as it is."""


class TimedMetricIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A MetricIn whose time may be text. The bounds are those of Metric; a test holds them together."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    value: FiniteFloat
    time: Int64 | str | None = None
    kind: Kind = "gauge"
    unit: str = ""
    source: str = ""
    session: str = ""
    attributes: Annotated[dict[str, AttributeValue], Meta(max_length=MAX_ATTRIBUTES)] = {}


def to_metric(timed: TimedMetricIn) -> Metric:
    """`timed` with its time in nanoseconds. Raises TimeError."""
    time = timed.time
    return MetricIn(
        name=timed.name,
        value=timed.value,
        time=nanoseconds(time) if isinstance(time, str) else time,
        kind=timed.kind,
        unit=timed.unit,
        source=timed.source,
        session=timed.session,
        attributes=timed.attributes,
    )


def one_by_one(
    items: Iterable[tuple[int, bytes | msgspec.Raw]],
    decode: Callable[[bytes | msgspec.Raw], TimedMetricIn],
    place: Callable[[int], str] = lambda line: "",
) -> list[Metric]:
    """The metrics of `items`, pairs of index and encoded item, none empty.

    Raises ReceiverError with the first MAX_PROBLEMS guilty items; `place`, given the index from 1,
    prefixes their reasons.
    """
    metrics: list[Metric] = []
    problems: list[Problem] = []
    for index, item in items:
        if len(problems) == MAX_PROBLEMS:
            raise invalid_items(problems, more=True)
        try:
            metrics.append(to_metric(decode(item)))
        except TimeError as error:
            problems.append(Problem(index, "time", place(index + 1) + str(error)))
        except UNREADABLE as error:
            problems.append(_problem(index, error, place(index + 1)))
    if problems:
        raise invalid_items(problems, more=False)
    if not metrics:
        raise ReceiverError(EMPTY)
    return metrics


_WITH_PATH = re.compile(r"(.*) - at `(?:key in )?\$\.?(.*)`", re.DOTALL)
_NAMES_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(.*)`", re.DOTALL)
_LONGEST = 200


def _problem(index: int, error: Exception, place: str) -> Problem:
    """What `error` says of the item, with msgspec's path as the field."""
    reason, field = reason_of(error), ""
    if (match := _WITH_PATH.fullmatch(reason)) is not None:
        reason, field = match.groups()
    elif (match := _NAMES_FIELD.fullmatch(reason)) is not None:
        field = match.group(1)
    return Problem(index, field[:_LONGEST], (place + reason)[: 2 * _LONGEST])


def reason_of(error: Exception) -> str:
    """One sentence for what a decoder raised."""
    if isinstance(error, UnicodeDecodeError):
        return f"a string is not valid UTF-8 ({error.reason})"
    if isinstance(error, RecursionError):
        return TOO_DEEP
    return str(error)
