"""Who is to blame, among any number, in any place."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.core import search as searching


class Outcome:
    """A batch of `rows` against a store that refuses a write with one of `guilty` in it."""

    def __init__(self, rows: int, guilty: set[int], limit: int, informed: bool = True) -> None:
        self.calls = 0
        self.stored: list[int] = []
        self.buried: list[int] = []
        search = searching.begin(rows)
        while not search.is_over:
            search = searching.limited(search, limit)
            piece = search.pieces[0]
            assert 0 < piece.size <= limit
            first = search.first_unsettled
            assert first == len(self.stored) + len(self.buried), "the cursor passes an unsettled row"
            self.calls += 1
            sent = range(piece.start, piece.end)
            if guilty.isdisjoint(sent):
                self.stored += sent
                search = searching.passed(search)
            elif piece.size == 1:
                self.buried.append(piece.start)
                search = searching.given_up(search)
            else:
                search = searching.refused(search, informed=informed)


@settings(max_examples=300)
@given(st.data())
def test_exactly_the_guilty_are_found_in_few_calls(data: st.DataObject) -> None:
    """Every innocent row is stored once and in order, every guilty one stands alone; at most
    `2 k (log2(n / k) + 2) + 1` writes."""
    rows = data.draw(st.integers(1, 2_000))
    guilty = data.draw(st.sets(st.integers(0, rows - 1), max_size=30))
    outcome = Outcome(rows, guilty, rows)
    assert outcome.stored == [row for row in range(rows) if row not in guilty]
    assert outcome.buried == sorted(guilty)
    if guilty:
        k = len(guilty)
        assert outcome.calls <= 2 * k * (math.log2(rows / k) + 2) + 1
    else:
        assert outcome.calls == 1


@given(st.integers(1, 500), st.integers(1, 64), st.sets(st.integers(0, 499), max_size=10), st.booleans())
def test_small_writes_find_them_too(rows: int, limit: int, guilty: set[int], informed: bool) -> None:
    """Whatever the largest write, and also where the reason might have been the size."""
    outcome = Outcome(rows, {row for row in guilty if row < rows}, limit, informed)
    assert outcome.buried == sorted(row for row in guilty if row < rows)
    assert len(outcome.stored) + len(outcome.buried) == rows


def test_one_in_sixteen_thousand_takes_a_call_a_level() -> None:
    """Where one half passes the other is guilty, and is not asked: about log2(n) writes, not twice that."""
    for place in (0, 5_000, 16_383):
        assert Outcome(16_384, {place}, 16_384).calls <= 2 * 14 + 2
    assert Outcome(16_384, {16_383}, 16_384).calls == 1 + 14 + 1


def test_rows_that_are_put_off_hold_the_cursor() -> None:
    """A single row that failed by chance waits for its neighbours, and nothing passes it meanwhile."""
    search = searching.limited(searching.begin(4), 1)
    search = searching.put_off(searching.failed(search))
    assert search.first_unsettled == 0
    assert search.stored == 0
    search = searching.passed(searching.limited(search, 10))
    assert not search.pieces
    assert search.stored == 1
    assert search.first_unsettled == 0
    assert not search.is_over


def test_attempts_are_counted_and_forgotten_with_the_piece() -> None:
    """Half of a piece is another write, that has not been tried."""
    search = searching.failed(searching.failed(searching.begin(8)))
    assert search.pieces[0].attempts == 2
    halves = searching.refused(search, informed=False)
    assert [piece.attempts for piece in halves.pieces] == [0, 0]
    assert [piece.suspect or piece.left for piece in halves.pieces] == [False, False]


class OneAtATime(Outcome):
    """The same against a store that names the first guilty row of a write that it refuses."""

    def __init__(self, rows: int, guilty: set[int]) -> None:
        self.calls = 0
        self.sent = 0
        self.stored: list[int] = []
        self.buried: list[int] = []
        gone: set[int] = set()
        search = searching.begin(rows)
        while not search.is_over:
            search = searching.limited(search, rows)
            piece = search.pieces[0]
            sent = [row for row in range(piece.start, piece.end) if row not in gone]
            self.calls += bool(sent)
            self.sent += len(sent)
            found = next((row for row in sent if row in guilty), None)
            if found is None:
                self.stored += sent
                search = searching.passed(search)
                continue
            self.buried.append(found)
            gone.add(found)
            alone = len(sent) == 1
            search = searching.given_up(search) if alone else searching.cleared(search, [found])


@settings(max_examples=300)
@given(st.integers(1, 500), st.sets(st.integers(0, 499), max_size=60))
def test_who_is_named_need_not_be_searched_for(rows: int, among: set[int]) -> None:
    """A store that names one guilty row at a time is asked at most 3 k + 1 times, and 2 times for one."""
    guilty = {row for row in among if row < rows}
    outcome = OneAtATime(rows, guilty)
    assert outcome.stored == [row for row in range(rows) if row not in guilty]
    assert outcome.buried == sorted(guilty)
    assert outcome.calls <= 3 * len(guilty) + 1
    assert len(guilty) != 1 or outcome.calls <= 2


def test_a_crowd_is_not_sent_again_and_again() -> None:
    """Of 5,000 rows every second is guilty and named alone: a few times as many are sent, not 6 million."""
    assert OneAtATime(5_000, set(range(0, 5_000, 2))).sent < 20 * 5_000


def test_what_was_put_off_is_written_once_more_after_all_others() -> None:
    """The weather may have changed meanwhile: rows that were put off come back behind the others, in order,
    and the cursor still waits for the first of them."""
    search = searching.limited(searching.begin(3), 1)
    search = searching.put_off(searching.failed(search))
    search = searching.limited(search, 1)
    search = searching.put_off(searching.failed(search))
    again = searching.once_more(searching.passed(search))
    assert [(piece.start, piece.end) for piece in again.pieces] == [(0, 1), (1, 2)]
    assert not again.put_off
    assert again.first_unsettled == 0
    assert searching.passed(again).first_unsettled == 1
