from __future__ import annotations

from argparse import ArgumentTypeError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.cli.arguments import letter_id, moment_at, positive

SECOND = 1_000_000_000
NOW = 1_800_000_000 * SECOND


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", NOW - 30 * SECOND),
        ("15m", NOW - 900 * SECOND),
        ("2h", NOW - 7_200 * SECOND),
        ("2h ago", NOW - 7_200 * SECOND),
        ("1.5h", NOW - 5_400 * SECOND),
        ("7d", NOW - 604_800 * SECOND),
        ("1w", NOW - 604_800 * SECOND),
        ("1970-01-01T00:00:01Z", SECOND),
        ("1970-01-01T01:00:01+01:00", SECOND),
        ("1970-01-01 00:00:00.123456789Z", 123_456_789),
        ("1969-12-31T23:59:59.5Z", -SECOND // 2),
    ],
)
def test_a_moment_is_an_age_or_a_time(text: str, expected: int) -> None:
    """To the nanosecond, with whatever zone it says."""
    assert moment_at(text, NOW) == expected


def test_a_time_without_a_zone_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    """As people write it."""
    import time

    monkeypatch.setenv("TZ", "Etc/GMT-3")
    time.tzset()
    try:
        assert moment_at("1970-01-01T03:00:01", NOW) == SECOND
        assert moment_at("1970-01-02", NOW) == (86_400 - 3 * 3_600) * SECOND
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.integers(1, 4 * 10**9), st.integers(0, 999_999_999))
def test_no_digit_is_lost(seconds: int, nanoseconds: int) -> None:
    """Whatever time RFC 3339 can say, down to its ninth digit."""
    from datetime import UTC, datetime

    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    assert moment_at(f"{text}.{nanoseconds:09}Z", NOW) == seconds * SECOND + nanoseconds


@pytest.mark.parametrize(
    "text", ["", "noon", "5", "5 fortnights", "-1h", "2026-13-01", "99999999999999999999d", "٣h"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    """With what would be one."""
    with pytest.raises(ArgumentTypeError, match="2026-11-23T13:05"):
        moment_at(text, NOW)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "x", "٣", "9" * 30])
def test_ids_and_counts_are_whole_numbers(text: str) -> None:
    """Of ASCII digits, and of a size that can be."""
    with pytest.raises(ArgumentTypeError):
        letter_id(text)
    with pytest.raises(ArgumentTypeError):
        positive(text)
