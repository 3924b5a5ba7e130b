from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.core.audit import Account, Letters, LostPart
from actors.core.differing import MAX_RANGES, Differing, FieldDifference, Range, differences, same
from actors.core.window import Window
from actors.stores.base import Row, as_stored
from journal.events import Appendable, MetricsAccepted, OffsetsLost, encode, is_plain, width
from journal.framing import Record
from journal.metric import AttributeValue, Metric, Nanoseconds, Offset

NOW = Nanoseconds(1_700_000_000_000_000_000)


def metric(offset: int) -> Metric:
    """One that no other offset has; every other one without a time of its own."""
    return Metric("m", float(offset), None if offset % 2 else offset, attributes={"at": offset})


def window(first: int, *events: Appendable) -> Window:
    """A window with a record for each of `events`, from offset `first` on."""
    records: list[Record] = []
    for event in events:
        count = width(event)
        records.append(Record(0, 1, Offset(first), count, NOW, is_plain(event), 0, 0, 0, encode([event])))
        first += count
    return Window(records)


def metrics(offsets: Iterable[int]) -> MetricsAccepted:
    return MetricsAccepted([metric(offset) for offset in offsets])


def stored(offsets: Iterable[int]) -> list[Row]:
    return [as_stored(Row(Offset(offset), NOW, metric(offset))) for offset in offsets]


def compared(account: Account, over: Window, *runs: Sequence[Row], quick: bool = False) -> Account:
    account.begin(over)
    for run in runs:
        if quick:
            account.take_offsets([row.offset for row in run])
        else:
            account.take_rows(run)
    account.end()
    return account


def one(offset: int) -> Differing:
    return Differing(1, (Range(Offset(offset), Offset(offset)),))


@pytest.mark.parametrize("quick", [True, False])
def test_a_window_is_parted_into_found_dead_pending_missing_and_extra(quick: bool) -> None:
    """What the store lacks is a dead letter, or before its cursor missing, or behind it pending."""
    account = Account(Offset(5), Letters([3]))
    compared(account, window(1, metrics(range(1, 7))), stored([1, 2, 9]), quick=quick)
    assert (account.found, account.dead_lettered, account.pending) == (2, 1, 2)
    assert (account.missing, account.extra, account.differing) == (one(4), one(9), Differing())


@pytest.mark.parametrize("quick", [True, False])
@given(
    held=st.sets(st.integers(0, 60)),
    dead=st.sets(st.integers(0, 59)),
    cursor=st.integers(0, 60),
    cuts=st.sets(st.integers(0, 60), max_size=6),
    parts=st.lists(st.integers(1, 9), max_size=8),
)
def test_each_offset_is_one_thing_however_windows_and_runs_are_cut(
    quick: bool, held: set[int], dead: set[int], cursor: int, cuts: set[int], parts: list[int]
) -> None:
    """As a comparison of sets says; the journal holds the offsets of `parts`, one apart from the next."""
    account = Account(Offset(cursor), Letters(sorted(dead)))
    first, journal = 0, set[int]()
    for part in parts:
        over = window(first, metrics(range(first, first + part)), OffsetsLost(1, 0))
        journal |= set(range(first, first + part))
        mine = sorted(offset for offset in held if first <= offset <= first + part)
        bounds = [0, *sorted(cut - first for cut in cuts if 0 < cut - first < len(mine)), len(mine)]
        runs = [stored(mine[a:b]) for a, b in pairwise(bounds) if b > a]
        compared(account, over, *runs, quick=quick)
        first += part + 1
    lacking = journal - held - dead
    assert account.found == len(journal & held)
    assert account.dead_lettered == len((journal - held) & dead)
    assert account.pending == len([offset for offset in lacking if offset >= cursor])
    assert account.missing.count == len([offset for offset in lacking if offset < cursor])
    assert account.differing.count == 0


OTHERWISE: list[tuple[Row, str]] = [
    (Row(Offset(4), NOW + 1, metric(4)), "accepted_at"),
    *(
        (Row(Offset(4), NOW, replace(metric(4), **{field: value})), field)
        for field, value in (
            ("name", "n"),
            ("value", 4.000001),
            ("time", 5),
            ("kind", "counter"),
            ("unit", "B"),
            ("source", "s"),
            ("session", "s"),
            ("attributes", {"at": 4.0}),
            ("attributes", {"at": True}),
            ("attributes", {}),
        )
    ),
]


@pytest.mark.parametrize(("row", "field"), OTHERWISE)
def test_a_row_that_differs_is_named_with_the_field_and_both_values(row: Row, field: str) -> None:
    """Whichever field it is, and whatever stands around it; the metric counts as found all the same."""
    account = Account(Offset(9), Letters())
    compared(account, window(3, metrics(range(3, 6))), [*stored([3]), row, *stored([5])])
    assert (account.found, account.differing, account.missing.count) == (3, one(4), 0)
    [shown] = account.shown
    assert (shown.offset, [each.field for each in shown.fields]) == (4, [field])


def test_with_offsets_alone_a_row_that_differs_is_not_seen() -> None:
    """Which is what the full comparison is for."""
    row = OTHERWISE[0][0]
    account = compared(Account(Offset(9), Letters()), window(4, metrics([4])), [row], quick=True)
    assert (account.found, account.differing.count) == (1, 0)


def attributed(attributes: Mapping[str, AttributeValue], value: float = 0.0) -> Row:
    return Row(Offset(1), NOW, Metric("m", value, 1, attributes=dict(attributes)))


def test_neither_a_zeros_sign_nor_the_order_of_attributes_makes_a_difference() -> None:
    """SQLite keeps no sign of a zero, and a JSON object has no order."""
    assert not differences(attributed({}, -0.0), attributed({}, 0.0))
    assert not differences(attributed({"a": 1, "b": 2}), attributed({"b": 2, "a": 1}))


@given(
    a=st.dictionaries(st.sampled_from("ab"), st.sampled_from([0, 1, 0.0, 1.0, True, False, "1"])),
    b=st.dictionaries(st.sampled_from("ab"), st.sampled_from([0, 1, 0.0, 1.0, True, False, "1"])),
)
def test_what_is_surely_the_same_never_differs(
    a: dict[str, AttributeValue], b: dict[str, AttributeValue]
) -> None:
    """The quick look at a whole run misses nothing: 1, 1.0 and True are three values."""
    if same([attributed(a)], [attributed(b)]):
        assert not differences(attributed(a), attributed(b))
    assert same([attributed(a)], [attributed(dict(a))])


def test_a_long_value_is_shown_where_it_parts() -> None:
    """Not its whole length, and not a beginning that is the same on both sides."""
    [found] = differences(attributed({"a": "x" * 5_000 + "1"}), attributed({"a": "x" * 5_000 + "2"}))
    assert max(len(found.journal), len(found.store)) < 70
    assert '1"' in found.journal
    assert '2"' in found.store


EDITED = Metric("mended", 1.0)


def test_a_letter_that_was_edited_is_rightly_different() -> None:
    """The store holds what a person made of it, and nothing else will do."""
    letters = Letters([], {4: EDITED})
    right = as_stored(Row(Offset(4), NOW, EDITED))
    account = compared(Account(Offset(9), letters), window(4, metrics([4])), [right])
    assert (account.found, account.edited, account.differing.count) == (1, 1, 0)
    wrong = as_stored(Row(Offset(4), NOW, replace(EDITED, value=2.0)))
    account = compared(Account(Offset(9), letters), window(4, metrics([4])), [wrong])
    assert (account.edited, account.differing) == (0, one(4))


@pytest.mark.parametrize("edited", [True, False])
def test_what_was_a_letter_when_the_audit_began_is_asked_about_again(edited: bool) -> None:
    """It may have been edited and redriven while the audit ran; if not, it differs."""
    row = as_stored(Row(Offset(4), NOW, EDITED))
    account = compared(Account(Offset(9), Letters([4])), window(4, metrics([4])), [row])
    assert account.differing.count == 0
    account.settle(Letters([], {4: EDITED} if edited else {}))
    assert (account.edited, account.differing.count) == (int(edited), int(not edited))


def test_what_is_too_old_for_the_store_is_dropped_not_missing() -> None:
    """By the metric's own time, or that of its receipt; what is younger is missing."""
    account = Account(Offset(9), Letters(), dropped_before=NOW)
    compared(account, window(2, metrics([2, 3])))
    assert (account.dropped, account.missing) == (1, one(3))


HOLE = OffsetsLost(10, 6)


@pytest.mark.parametrize("quick", [True, False])
def test_what_was_lost_is_persisted_where_the_store_holds_it_and_lost_where_not(quick: bool) -> None:
    """Nothing of it is extra or missing; how many of the offsets were metrics is known."""
    account = Account(Offset(99), Letters())
    over = window(0, metrics(range(3)), HOLE, metrics(range(13, 15)))
    compared(account, over, stored([0, 1, 2, 3]), stored([5, 7, 13, 14]), quick=quick)
    assert (account.found, account.lost) == (5 + 3, 3)
    assert account.lost_parts == [LostPart(Offset(3), Offset(12), 3, True)]
    assert account.missing == account.extra == Differing()


def test_a_dead_letter_in_a_lost_range_is_not_lost() -> None:
    """The queue has it."""
    account = compared(Account(Offset(0), Letters([4, 11, 17])), window(3, HOLE))
    assert (account.dead_lettered, account.lost, account.pending) == (2, 4, 0)


def test_a_bound_is_said_to_be_one_unless_nothing_of_it_is_lacking() -> None:
    """Only what the store lacks makes the sum uncertain."""
    bound = OffsetsLost(2, 2, exact=False)
    account = compared(Account(Offset(0), Letters()), window(3, bound), stored([3]))
    assert (account.lost, account.lost_exact) == (1, False)
    account.corrected(1)
    assert account.lost == 0
    account = compared(Account(Offset(0), Letters()), window(3, bound), stored([3, 4]))
    assert (account.lost, account.lost_exact, account.lost_parts) == (0, True, [])


def test_ranges_and_rows_are_told_up_to_a_bound_and_counted_beyond() -> None:
    """However much differs."""
    offsets = range(0, 4_000, 2)
    account = Account(Offset(9_999), Letters())
    rows = [row._replace(accepted_at=NOW + 1) for row in stored(offsets)]
    over = window(0, metrics(range(4_000)))
    compared(account, over, rows)
    assert (account.differing.count, account.missing.count) == (2_000, 2_000)
    assert len(account.differing.ranges) == len(account.missing.ranges) == MAX_RANGES
    assert len(account.shown) < 100


def test_what_the_fields_show_is_json() -> None:
    """A person can tell a text from a number."""
    [found] = differences(attributed({"a": 1}), attributed({"a": "1"}))
    assert found == FieldDifference("attributes", '{"a":1}', '{"a":"1"}')
