"""RFC 3339 times to integer nanoseconds since the epoch, without losing a digit."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from journal.metric import MAX_INT64, MIN_INT64, Nanoseconds

_PATTERN = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,32}))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EPOCH = date(1970, 1, 1).toordinal()
_SECOND = 1_000_000_000


class TimeError(ValueError):
    """A text is no time that can be kept; the message says why."""


def nanoseconds(text: str) -> Nanoseconds:
    """The instant that `text` names.

    The zone is required, digits behind the ninth are cut off, and a leap second counts as the second
    after it, as POSIX has it. Raises TimeError, also for what 64 bits cannot hold (before 1677, after
    2262).
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise TimeError("expected an RFC 3339 time with a zone, such as 2026-11-23T12:00:00.5Z")
    minute, second, fraction, zone = match.groups()
    seconds = int(second)
    if seconds > 60:
        raise TimeError("the time of day does not exist")
    seconds += _minute(minute) - _zone(zone)
    result = seconds * _SECOND
    if fraction is not None:
        result += int(fraction[:9].ljust(9, "0"))
    if not MIN_INT64 <= result <= MAX_INT64:
        raise TimeError("the time does not fit 64 bits of nanoseconds: it must lie within 1678 to 2261")
    return result


# The times of a batch are close together: most of them share their minute and their zone.
@lru_cache(maxsize=256)
def _minute(text: str) -> int:
    """Seconds from the epoch to the minute `text`, as if in UTC."""
    hour, minute = int(text[11:13]), int(text[14:16])
    if hour > 23 or minute > 59:
        raise TimeError("the time of day does not exist")
    try:
        day = date(int(text[0:4]), int(text[5:7]), int(text[8:10]))
    except ValueError as error:
        raise TimeError("the day does not exist in the calendar") from error
    return (day.toordinal() - _EPOCH) * 86_400 + hour * 3_600 + minute * 60


@lru_cache(maxsize=256)
def _zone(text: str) -> int:
    """Seconds that the zone `text` is ahead of UTC."""
    if text in "Zz":
        return 0
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        raise TimeError(f"the zone {text} does not exist")
    return (hours * 3_600 + minutes * 60) * (-1 if text[0] == "-" else 1)
