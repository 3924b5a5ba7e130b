from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.stores.base import CAUSES, Row
from actors.stores.precheck import refusals_of
from journal.metric import Metric, Offset
from tests.contracts.store_rows import MAX_INT64, MIN_INT64, ODD_METRICS, plain, rows_of

BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": "a\0b"}, "nul-byte"),
    ({"unit": "\0"}, "nul-byte"),
    ({"source": "\0"}, "nul-byte"),
    ({"session": "\0"}, "nul-byte"),
    ({"attributes": {"k\0": 1}}, "nul-byte"),
    ({"attributes": {"k": "\0"}}, "nul-byte"),
    ({"name": "lone \ud800"}, "bad-text"),
    ({"unit": "\udfff"}, "bad-text"),
    ({"source": "\udfff"}, "bad-text"),
    ({"session": "\udfff"}, "bad-text"),
    ({"attributes": {"\ud800": 1}}, "bad-text"),
    ({"attributes": {"k": "\ud800"}}, "bad-text"),
    ({"time": MAX_INT64 + 1}, "out-of-range"),
    ({"time": MIN_INT64 - 1}, "out-of-range"),
    ({"time": 2**70}, "out-of-range"),
    ({"attributes": {"k": MAX_INT64 + 1}}, "out-of-range"),
    ({"attributes": {"k": MIN_INT64 - 1}}, "out-of-range"),
    ({"attributes": {"k": 2**70}}, "out-of-range"),
    ({"value": float("nan")}, "bad-type"),
    ({"value": float("-inf")}, "bad-type"),
    ({"attributes": {"k": float("inf")}}, "bad-type"),
]


@pytest.mark.parametrize(("fields", "cause"), BAD, ids=lambda value: ascii(value))
def test_each_is_found_among_good_rows(fields: dict[str, Any], cause: str) -> None:
    """A row that cannot be stored is named by its offset, with its cause; its neighbours are not."""
    bad = rows_of([msgspec.structs.replace(Metric(name="load", value=1.0), **fields)], 50)
    (refusal,) = refusals_of([*plain(0, 50), *bad, *plain(51, 100)])
    assert (refusal.offset, refusal.cause) == (50, cause)
    assert cause in CAUSES
    refusal.detail.encode()  # can be shown and journaled whatever the row held


def test_an_acceptance_beyond_64_bits_is_found() -> None:
    """The time of acceptance is checked too, whether or not it stands for that of the metric."""
    rows = [
        Row(Offset(at), 2**63, Metric(name="a", value=1.0, time=time)) for at, time in enumerate((None, 5))
    ]
    assert [refusal.cause for refusal in refusals_of(rows)] == ["out-of-range"] * 2


def test_all_are_named_in_their_order() -> None:
    """Every guilty row has one refusal, however many faults it has."""
    rows = rows_of(
        [Metric(name="\0\ud800", value=float("nan")), *ODD_METRICS, Metric(name="\ud800", value=1.0)]
    )
    assert [refusal.offset for refusal in refusals_of(rows)] == [0, len(ODD_METRICS) + 1]


def test_what_is_odd_but_can_be_stored_passes() -> None:
    """Extreme numbers, control characters and quotes are no reason to refuse."""
    assert refusals_of(rows_of(ODD_METRICS)) == []


def test_a_text_that_looks_like_an_escape_passes() -> None:
    """Backslash, u and four zeroes are six characters, not a NUL byte."""
    assert refusals_of(rows_of([Metric(name=r"\u0000", value=1.0)])) == []


@given(
    st.lists(st.text(st.characters(exclude_categories=[])), max_size=5),
    st.sampled_from(["name", "key", "value"]),
)
def test_texts_are_refused_just_where_utf8_or_nul_forbid_them(texts: list[str], place: str) -> None:
    """A text passes if and only if it can be encoded and has no NUL."""

    def metric(text: str) -> Metric:
        match place:
            case "name":
                return Metric(name=text, value=1.0)
            case "key":
                return Metric(name="a", value=1.0, attributes={text: 1})
            case _:
                return Metric(name="a", value=1.0, attributes={"k": text})

    bad = [
        at for at, text in enumerate(texts) if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text)
    ]
    assert [refusal.offset for refusal in refusals_of(rows_of(map(metric, texts)))] == bad
