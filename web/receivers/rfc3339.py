"""RFC 3339 times to integer nanoseconds since the epoch, without losing a digit."""

from __future__ import annotations

import re
from datetime import date

from journal.events import Nanoseconds

_PATTERN = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,32}))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_EPOCH = date(1970, 1, 1).toordinal()
_SECOND = 1_000_000_000
_MIN_INT64, _MAX_INT64 = -(2**63), 2**63 - 1


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
    year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
    fraction, sign, zone_hour, zone_minute = match.group(7, 8, 9, 10)
    offset = 0
    if sign is not None:
        hours, minutes = int(zone_hour), int(zone_minute)
        if hours > 23 or minutes > 59:
            raise TimeError(f"the zone {sign}{zone_hour}:{zone_minute} does not exist")
        offset = (hours * 60 + minutes) * 60 * (-1 if sign == "-" else 1)
    if hour > 23 or minute > 59 or second > 60:
        raise TimeError("the time of day does not exist")
    try:
        days = date(year, month, day).toordinal() - _EPOCH
    except ValueError as error:
        raise TimeError("the day does not exist in the calendar") from error
    seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset
    result = seconds * _SECOND + int((fraction or "")[:9].ljust(9, "0"))
    if not _MIN_INT64 <= result <= _MAX_INT64:
        raise TimeError("the time does not fit 64 bits of nanoseconds: it must lie within 1678 to 2261")
    return result
