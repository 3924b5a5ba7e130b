"""Rows of SQL answers to what the edge shows. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from journal.metric import Nanoseconds
from web.ports import NameSeen, Point, Series


def mean_between(low: float, mean: float | None, high: float) -> float:
    """`mean`, or the nearest to it in `[low, high]`: a sum can leave the range of a double, a mean cannot."""
    if mean is None or math.isnan(mean):
        return low / 2 + high / 2
    return min(max(mean, low), high)


def series_of(
    name: str, step: Nanoseconds, units: Mapping[str, str], steps: Iterable[tuple[Any, ...]]
) -> list[Series]:
    """A Series a source, of `(source, number of the step, min, mean, max, count)` sorted by both."""
    found: dict[str, Series] = {}
    for source, number, low, mean, high, count in steps:
        if source not in found:
            found[source] = Series(name, source, units.get(source, ""), [])
        found[source].points.append(Point(number * step, low, mean_between(low, mean, high), high, count))
    return list(found.values())


def name_seen(streams: Iterable[tuple[Any, ...]]) -> list[NameSeen]:
    """A NameSeen a name, of `(name, source, kind, unit, first, last, count)` sorted by name and last."""
    found: dict[str, NameSeen] = {}
    for name, source, kind, unit, first, last, count in streams:
        before = found.get(name)
        if before is None:
            found[name] = NameSeen(name, kind, unit, [source], first, last, count)
            continue
        sources = sorted({*before.sources, source})
        found[name] = NameSeen(
            name, kind, unit, sources, min(before.first_time, first), last, before.count + count
        )
    return list(found.values())
