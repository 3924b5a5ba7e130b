from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.receivers.rfc3339 import TimeError, nanoseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01t01:00:00+01:00", 0),
        ("1969-12-31 23:59:59.9Z", -100_000_000),
        ("2026-11-23T12:00:00.123456789Z", 1_795_435_200_123_456_789),
        ("2026-11-23T12:00:00.1234567899Z", 1_795_435_200_123_456_789),
        ("2026-11-23T06:30:00-05:30", 1_795_435_200_000_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        ("2262-04-11T23:47:16.854775807Z", 2**63 - 1),
        ("1677-09-21T00:12:43.145224192Z", -(2**63)),
    ],
)
def test_times_are_exact(text: str, expected: int) -> None:
    """Every digit to the nanosecond, every zone, and the very ends of 64 bits."""
    assert nanoseconds(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23T12:00:00",
        "2026-11-23T12:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T12:60:00Z",
        "2026-11-23T12:00:61Z",
        "2026-13-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-11-23T12:00:00+24:00",
        "2026-11-23T12:00:00+0100",
        "2026-11-23T12:00:00.Z",
        "٢٠٢٦-11-23T12:00:00Z",
        "2026-11-23T12:00:00Z\n",
        "2262-04-11T23:47:16.854775808Z",
        "1677-09-21T00:12:43.145224191Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Missing parts, days that do not exist, other digits, and what 64 bits cannot hold."""
    with pytest.raises(TimeError):
        nanoseconds(text)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_nanosecond_can_be_written(value: int) -> None:
    """Formatting with integers and reading it gives the same instant."""
    seconds, fraction = divmod(value, 10**9)
    days, second = divmod(seconds, 86_400)
    # Civil from days, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    year = year_of_era + era * 400 + (month <= 2)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{fraction:09}"
    assert nanoseconds(f"{year:04}-{month:02}-{day:02}T{clock}Z") == value
