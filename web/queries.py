"""Query parameters, checked: an error names the parameter and says what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from journal.metric import Nanoseconds, Offset
from web.ports import AttributeFilter, SeriesQuery
from web.receivers.rfc3339 import TimeError, nanoseconds

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
MAX_POINTS = 10_000
"""Steps in one answer."""
USUAL_POINTS = 300
MAX_FILTERS = 8
"""Attributes that one series may be filtered by."""
MAX_OFFSETS = 20_000
"""Offsets of frames in one answer: ten frames of the largest."""
_UNITS = {
    "": 1,
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": HOUR,
    "d": 24 * HOUR,
    "w": 7 * 24 * HOUR,
}
_STEP = re.compile(r"([0-9]{1,19})(ns|us|ms|s|m|h|d|w|)")
_OFFSET = re.compile(r"[0-9]{1,19}")
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_NICE_STEPS = [
    count * _UNITS[unit]
    for unit, counts in {
        "ms": (1, 2, 5, 10, 20, 50, 100, 200, 500),
        "s": (1, 2, 5, 10, 15, 30),
        "m": (1, 2, 5, 10, 15, 30),
        "h": (1, 2, 3, 6, 12),
        "d": (1, 2),
        "w": (1, 2, 4, 13, 26, 52, 260, 520),
    }.items()
    for count in counts
]


class ParameterError(ValueError):
    """A query parameter is missing, wrong or unknown."""

    def __init__(self, parameter: str, reason: str) -> None:
        self.parameter = parameter
        super().__init__(f"{parameter}: {reason}")


class FramesQuery(NamedTuple):
    """Which metrics `GET /api/frames` asks for: those of `[first, until)`."""

    first: Offset
    until: Offset


class StateQuery(NamedTuple):
    """As of which offset or which time `GET /api/state` asks; now, where both are None."""

    offset: Offset | None
    time: Nanoseconds | None


def only(query: Mapping[str, str], allowed: Iterable[str]) -> None:
    """Raise ParameterError if `query` has a parameter that is not `allowed`."""
    names = sorted(allowed)
    for name in query:
        if name not in names:
            raise ParameterError(
                name[:100], f"there is no such parameter; allowed: {', '.join(names) or 'none'}"
            )


def series_query(query: Mapping[str, str], now: Nanoseconds, attributes: Sequence[str] = ()) -> SeriesQuery:
    """What `query`, whose parameter `attribute` came as `attributes`, asks for: by default the last hour, in
    about USUAL_POINTS steps.

    Raises ParameterError.
    """
    only(query, ("name", "from", "to", "step", "source", "session", "attribute"))
    name = _name(query)
    until = instant(query, "to", now)
    start = instant(query, "from", until - HOUR)
    if start >= until:
        raise ParameterError("from", "must lie before `to` (by default now)")
    step = _step(query, until - start)
    if -(-(until - start) // step) > MAX_POINTS:
        raise ParameterError(
            "step", f"makes more than {MAX_POINTS} points; ask for a longer one, or for less time"
        )
    source, session = query.get("source"), query.get("session")
    return SeriesQuery(name, start, until, step, source, session, _attributes(attributes))


def attributes_query(query: Mapping[str, str]) -> str:
    """Whose attributes `query` asks for. Raises ParameterError."""
    only(query, ("name",))
    return _name(query)


def frames_query(query: Mapping[str, str]) -> FramesQuery:
    """Which offsets `query` asks for, at most MAX_OFFSETS. Raises ParameterError."""
    only(query, ("first_offset", "last_offset"))
    first, last = _offset(query, "first_offset"), _offset(query, "last_offset")
    if first > last:
        raise ParameterError("first_offset", "is greater than last_offset")
    if last - first >= MAX_OFFSETS:
        raise ParameterError(
            "last_offset",
            f"makes {last - first + 1} offsets, and one request may ask for {MAX_OFFSETS}: ask for "
            f"{first} to {first + MAX_OFFSETS - 1} first, then for the rest",
        )
    return FramesQuery(first, Offset(last + 1))


def state_query(query: Mapping[str, str]) -> StateQuery:
    """As of when `query` asks for the state: now, if it does not say. Raises ParameterError."""
    only(query, ("offset", "time"))
    if "offset" in query and "time" in query:
        raise ParameterError("time", "give either a time or an offset")
    if "time" in query:
        return StateQuery(None, instant(query, "time", 0))
    text = query.get("offset")
    if text is None:
        return StateQuery(None, None)
    if _OFFSET.fullmatch(text) is None:
        raise ParameterError("offset", "expected a whole number, 0 or more")
    return StateQuery(Offset(int(text)), None)


def instant(query: Mapping[str, str], parameter: str, default: Nanoseconds) -> Nanoseconds:
    """The time in `parameter`: integer nanoseconds or RFC 3339. Raises ParameterError."""
    text = query.get(parameter)
    if text is None:
        return default
    if _INTEGER.fullmatch(text) is not None:
        value = int(text)
        if not -(2**63) <= value < 2**63:
            raise ParameterError(parameter, "does not fit 64 bits of nanoseconds")
        return value
    # A plus sign that was not escaped arrives as a space.
    unescaped = re.sub(r" ([0-9]{2}:[0-9]{2})$", r"+\1", text)
    try:
        return nanoseconds(unescaped)
    except TimeError as error:
        raise ParameterError(parameter, f"{error}, or integer nanoseconds since the epoch") from error


def _name(query: Mapping[str, str]) -> str:
    name = query.get("name", "")
    if not 1 <= len(name) <= 255:
        raise ParameterError("name", "needed: the name of a metric, 1 to 255 characters")
    return name


def _offset(query: Mapping[str, str], parameter: str) -> Offset:
    text = query.get(parameter, "")
    if _OFFSET.fullmatch(text) is None:
        raise ParameterError(parameter, "needed: an offset, a whole number, 0 or more")
    return Offset(int(text))


def _attributes(given: Sequence[str]) -> AttributeFilter:
    """Of `attribute=KEY=VALUE`, once for each: `attribute=gpu%3D0&attribute=host%3Da1`. The first = parts key
    and value, so that a value may have one."""
    found: dict[str, str] = {}
    for each in given:
        key, equals, text = each.partition("=")
        if not equals:
            raise ParameterError(
                "attribute", f"{each[:100]}: expected a key, = and a value, escaped as in attribute=gpu%3D0"
            )
        if key in found:
            raise ParameterError("attribute", f"{key[:100]}: this key is given twice, and has but one value")
        found[key] = text
    if len(found) > MAX_FILTERS:
        raise ParameterError("attribute", f"{len(found)} are given, and {MAX_FILTERS} are allowed")
    return tuple(found.items())


def _step(query: Mapping[str, str], span: Nanoseconds) -> Nanoseconds:
    text = query.get("step")
    if text is None:
        return next((step for step in _NICE_STEPS if step * USUAL_POINTS >= span), _NICE_STEPS[-1])
    match = _STEP.fullmatch(text)
    step = int(match.group(1)) * _UNITS[match.group(2)] if match is not None else 0
    if not 0 < step < 2**63:
        raise ParameterError(
            "step", "expected a duration such as 500ms, 10s, 1m, 1h or 1d, or integer nanoseconds"
        )
    return step
