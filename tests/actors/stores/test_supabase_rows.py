from __future__ import annotations

import json

import msgspec

from actors.stores import supabase_rows
from actors.stores.base import LetterRow, Row
from journal.metric import Metric, Offset
from tests.contracts.store_rows import MAX_INT64, MIN_INT64, ODD_METRICS, T0, rows_of


def test_a_body_names_its_columns() -> None:
    """Every object of a request has exactly the columns that the request says it has, in their order."""
    letter = LetterRow(Offset(7), T0, Metric("a", 1.0), "check", "no", 1, "pending", T0, T0)
    for body, columns in (
        (supabase_rows.metrics_json("j", rows_of(ODD_METRICS)), supabase_rows.METRIC_COLUMNS),
        (supabase_rows.letters_json("j", "s", [letter]), supabase_rows.LETTER_COLUMNS),
        (supabase_rows.cursor_json("j", "s", Offset(1)), supabase_rows.CURSOR_COLUMNS),
    ):
        assert {",".join(each) for each in json.loads(body)} == {columns}


def test_timestamps_are_the_nanoseconds_rounded_down() -> None:
    """Microseconds beside the nanoseconds, for any 64-bit time, before 1970 as well."""
    times = [0, -1, 999, 1_000, MIN_INT64, MAX_INT64]
    rows = [Row(Offset(at), T0, Metric("a", 1.0, time=time)) for at, time in enumerate(times)]
    written = [each["time"] for each in json.loads(supabase_rows.metrics_json("j", rows))]
    assert written == [
        "1970-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00.000001Z",
        "1677-09-21T00:12:43.145224Z",
        "2262-04-11T23:47:16.854775Z",
    ]


def test_a_letter_keeps_what_no_text_can_hold() -> None:
    """NUL and lone surrogates survive in the metric, a string of JSON then; elsewhere they are shown."""
    for odd in ("\0", "\ud800"):
        metric = Metric(f"a{odd}b", 1.5, source=odd, time=2**63, attributes={odd: odd})
        letter = LetterRow(Offset(7), T0, metric, "nul-byte", f"no {odd}", 1, "pending", T0, T0)
        (written,) = json.loads(supabase_rows.letters_json("j", "s", [letter]))
        assert json.loads(written["metric"]) == msgspec.to_builtins(metric)
        assert odd not in written["name"] + written["source"] + written["error"]
        assert written["metric"].isascii()
        assert written["time_ns"] == MAX_INT64


def test_an_ordinary_letter_is_kept_as_an_object() -> None:
    """So that SQL can look into it."""
    metric = Metric("é\\u0000", 1.5, attributes={"🛰": True})
    letter = LetterRow(Offset(7), T0, metric, "check", "no", 1, "pending", T0, T0)
    body = supabase_rows.letters_json("j", "s", [letter])
    assert json.loads(body)[0]["metric"] == msgspec.to_builtins(metric)


def test_conditions_quote_what_they_compare_with() -> None:
    """A quote or a comma in a value ends nothing."""
    assert supabase_rows.literal('a"b\\c,d)') == '"a\\"b\\\\c,d)"'
    row = {"source": 'x,")', "time_ns": -5}
    assert supabase_rows.behind(row, ("source",)) == '(source.gt."x,\\")")'
    assert supabase_rows.behind(row, ("source", "time_ns")) == (
        '(or(source.gt."x,\\")",and(source.eq."x,\\")",and(time_ns.gt."-5"))))'
    )


def test_arrays_become_one() -> None:
    """The items of all, in their order."""
    arrays = [supabase_rows.metrics_json("j", rows_of(ODD_METRICS)[at : at + 5]) for at in range(0, 25, 5)]
    one = json.loads(supabase_rows.metrics_json("j", rows_of(ODD_METRICS)[:25]))
    assert json.loads(supabase_rows.concatenated(arrays)) == one
    assert supabase_rows.concatenated([]) == b"[]"
