from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.ports import SeriesQuery
from web.queries import HOUR, MAX_POINTS, SECOND, ParameterError, series_query

NOW = 1_800_000_000 * SECOND


def test_the_last_hour_is_asked_for_by_default() -> None:
    """In 15-second steps: 240 points."""
    query = series_query({"name": "cpu"}, NOW)
    assert query == SeriesQuery("cpu", NOW - HOUR, NOW, 15 * SECOND, None, None, ())


@given(st.integers(1, 2**62))
def test_the_default_step_makes_a_readable_number_of_points(span: int) -> None:
    """About 300, never more than may be asked for, for any span of time."""
    query = series_query({"name": "cpu", "from": "0", "to": str(span)}, NOW)
    assert span / query.step <= 301


@pytest.mark.parametrize(
    ("step", "expected"),
    [("1s", SECOND), ("500ms", SECOND // 2), ("2h", 2 * HOUR), ("1000000000", SECOND), ("1w", 168 * HOUR)],
)
def test_a_step_is_a_number_with_a_unit(step: str, expected: int) -> None:
    """Or nanoseconds."""
    assert series_query({"name": "cpu", "step": step}, NOW).step == expected


def test_the_number_of_points_is_bounded_exactly() -> None:
    """MAX_POINTS are allowed, one more is not."""
    assert series_query({"name": "a", "from": "0", "to": str(MAX_POINTS), "step": "1"}, NOW)
    with pytest.raises(ParameterError, match="step"):
        series_query({"name": "a", "from": "0", "to": str(MAX_POINTS + 1), "step": "1"}, NOW)


def test_a_plus_that_was_not_escaped_is_understood() -> None:
    """`+02:00` arrives as ` 02:00` from many a client."""
    query = series_query(
        {"name": "a", "from": "2026-11-23T12:00:00 02:00", "to": "2026-11-23T11:00:00Z"}, NOW
    )
    assert query.until - query.start == HOUR
