"""A part of a journal is sent to a store again: which metrics, and what becomes of the store's cursor."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.replay.part import part_of
from actors.replay.sender import Limits
from actors.stores.base import StoreError
from actors.stores.sqlite import SqliteStore
from journal.committer import Options
from journal.events import OffsetsLost
from journal.inspect import Bound, Selection
from journal.log import Journal
from journal.metric import Metric, Offset
from tests.actors.picky import Picky
from tests.actors.replaying import Heard, Scene, scene, some
from tests.contracts.store_rows import stored
from tests.journal.test_tool import tree

__all__ = ["scene"]


async def test_an_empty_store_is_filled_and_its_cursor_brought_to_the_end(scene: Scene) -> None:
    """All of the journal, row by row, to a store without a cursor: a later start has nothing to do."""
    outcome = await scene.run()
    assert scene.stored == scene.rows
    assert (outcome.complete, outcome.sent, outcome.refused) == (True, 1000, 0)
    assert (outcome.moved, scene.cursor) == (True, scene.next_offset)
    assert scene.bookmarks == []


async def test_an_emptied_table_is_filled_and_its_cursor_stays(scene: Scene) -> None:
    """Where cursors survived what the metrics did not, nothing else would ever fill it."""
    store = scene.store()
    await store.open(scene.journal_id)
    await store.write([], Offset(700))
    outcome = await scene.run()
    assert scene.stored == scene.rows
    assert (outcome.moved, scene.cursor) == (False, 700)


async def test_what_is_there_is_kept(scene: Scene) -> None:
    """A second replay of the same changes nothing."""
    await scene.run()
    outcome = await scene.run()
    assert (outcome.sent, scene.stored, scene.cursor) == (1000, scene.rows, scene.next_offset)


@pytest.mark.parametrize(
    "asked",
    [
        {"names": ["a"]},
        {"names": ["nothing", "b*"]},
        {"sources": ["[xz]"]},
        {"names": ["a"], "sources": ["y"]},
        {"since": Bound(offset=250)},
        {"since": Bound(offset=205), "until": Bound(offset=206)},
        {"since": Bound(time=1_003), "until": Bound(time=1_007)},
    ],
    ids=str,
)
async def test_a_part_is_that_part_and_moves_no_cursor(scene: Scene, asked: dict[str, object]) -> None:
    """Names, sources, offsets and times choose; a store that lacks the rest must not be told to have it."""
    await scene.run(**asked)
    selection = Selection(**asked)  # type: ignore[arg-type]
    begin, end = selection.since.offset or 0, selection.until.offset or scene.next_offset
    first, last = selection.since.time or 0, selection.until.time or 10**9

    def wanted(name: str, source: str) -> bool:
        by_name = {"a": name == "a", "b*": name == "b"}
        return (not selection.names or any(by_name.get(each) for each in selection.names)) and (
            not selection.sources or source in "".join(selection.sources)
        )

    expected = [
        row
        for row in scene.rows
        if begin <= row.offset < end
        and first <= row.accepted_at < last
        and wanted(row.metric.name, row.metric.source)
    ]
    assert 0 < len(expected) < 1000
    assert scene.stored == expected
    assert scene.cursor is None


async def test_the_beginning_alone_brings_the_cursor_up_to_there(scene: Scene) -> None:
    """Up to an offset and nothing left out: everything before that is in the store."""
    await scene.run(until=Bound(offset=500))
    assert scene.cursor == 500
    assert scene.stored == [row for row in scene.rows if row.offset < 500]


async def test_a_cursor_that_somebody_else_moves_is_never_moved_back(scene: Scene) -> None:
    """A running process brings its cursor up while the replay is at it: its word stands."""

    class Beside(Heard):
        def at(self, offset: Offset, sent: int) -> None:
            scene.tables.cursors[scene.journal_id, "memory"] = Offset(10_000)

    outcome = await scene.run(heard=Beside())
    assert (outcome.complete, scene.cursor) == (True, 10_000)


async def test_two_at_once_into_one_database(scene: Scene, tmp_path: Path) -> None:
    """Each row is there once, each is counted once, and the cursor is at the end."""
    path = str(tmp_path / "forebay.db")
    one, other = SqliteStore(path), SqliteStore(path)
    both = await asyncio.gather(scene.replay(one).run(), scene.replay(other).run())
    assert [outcome.sent for outcome in both] == [1000, 1000]
    looking = SqliteStore(path)
    assert await looking.look(scene.journal_id) == scene.next_offset
    assert await stored(looking) == scene.rows
    assert sum(name.count for name in await looking.names()) == 1000
    await looking.close()


async def test_dead_letters_are_left_out(scene: Scene) -> None:
    """They would be refused again, and the queue keeps them; to another store, or when asked, they go."""
    await scene.bury("memory", scene.rows[5:8])
    outcome = await scene.run()
    assert scene.stored == [*scene.rows[:5], *scene.rows[8:]]
    assert (outcome.left_out, outcome.sent, scene.cursor) == (3, 997, scene.next_offset)
    await scene.run(letters=True)
    assert scene.stored == scene.rows


async def test_a_letter_that_was_stored_after_all_goes_as_it_was_stored(scene: Scene) -> None:
    """Redriven as it is, or edited by a person: the table is made as it was."""
    await scene.bury("memory", scene.rows[5:8])
    ids = [1 + at for at in range(1, 4)]
    await scene.redrive("memory", ids[:1])
    edited = msgspec.structs.replace(scene.rows[6].metric, value=-1.0)
    await scene.redrive("memory", ids[1:2], edited)
    outcome = await scene.run()
    assert outcome.left_out == 1
    assert scene.stored[5:8] == [scene.rows[5], scene.rows[6]._replace(metric=edited), scene.rows[8]]


async def test_what_a_repair_gave_up_is_told_and_the_cursor_stays_before_it(scene: Scene) -> None:
    """A running process accounts for what was lost as it passes it; a replay does not do so for it."""
    journal = await Journal.open(scene.directory, options=Options(1024 * 1024))
    hole = (await journal.append([OffsetsLost(count=70, metrics=60)])).first_offset
    await journal.close()
    await scene.accept([some(50)])
    outcome = await scene.run()
    assert (outcome.lost, outcome.moved, scene.stored) == (60, False, scene.rows)
    assert scene.cursor is None or scene.cursor <= hole
    assert (await scene.replay(anew=True).count())[1].lost == 60


async def test_counting_changes_nothing(scene: Scene, tmp_path: Path) -> None:
    """A dry run tells metrics, offsets and times; no file, store or bookmark is new or other than before."""
    before = tree(tmp_path)
    outcome, count = await scene.replay(SqliteStore(str(tmp_path / "forebay.db")), names=["b"]).count()
    assert tree(tmp_path) == before
    own = [row for row in scene.rows if row.metric.name == "b"]
    assert (count.metrics, count.first_offset, count.last_offset) == (500, own[0].offset, own[-1].offset)
    assert (count.first_time, count.last_time) == (own[0].accepted_at, own[-1].accepted_at)
    assert (outcome.moved, outcome.part.segments) == (False, 1)


async def test_the_rate_is_kept(scene: Scene) -> None:
    """At 2,000 a second, 1,000 metrics take half a second, in small writes, and no longer than that needs."""
    store = Picky(scene.store())
    limits = Limits(rate=2_000)
    outcome = await scene.run(store, limits=limits)
    assert scene.stored == scene.rows
    assert max(store.writes) <= 200
    assert 0.4 <= outcome.seconds < 5.0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=12),
    since=st.integers(0, 2_500),
    until=st.integers(0, 2_500),
    most=st.integers(1, 300),
)
async def test_any_range_of_any_records_in_any_writes(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], since: int, until: int, most: int
) -> None:
    """What arrives is what lies in the range, however records and writes are cut."""
    scene = Scene(tmp_path_factory.mktemp("any"))
    await scene.accept([some(size, begin=1000 * at) for at, size in enumerate(sizes)])
    limits = Limits(most_rows=most)
    await scene.run(since=Bound(offset=since), until=Bound(offset=until), limits=limits)
    assert scene.stored == [row for row in scene.rows if since <= row.offset < until]


async def test_a_time_begins_in_the_segment_that_holds_it(tmp_path: Path) -> None:
    """Of many segments only those are read that may hold a part; none of its metrics is left out."""
    scene = Scene(tmp_path)
    batch = [Metric("m", float(at), attributes={"pad": "x" * 400}) for at in range(1_000)]
    times = range(1_000_000, 1_000_000 + 12)
    await scene.accept([batch] * 12, times=times)
    for at in (0, 3, 11, 12):
        scene.tables.metrics.clear()
        since, until = Bound(time=times.start + at), Bound(time=times.start + at + 4)
        part = await part_of(scene.directory, Selection(since, until))
        await scene.run(since=since, until=until, anew=True)
        expected = [row for row in scene.rows if at <= row.accepted_at - times.start < at + 4]
        assert [row.offset for row in scene.stored] == [row.offset for row in expected]
        assert part.segments <= 5


async def test_a_store_that_cannot_be_reached_is_told_at_once(scene: Scene, tmp_path: Path) -> None:
    """Nothing has begun that would be worth waiting for; the address may be wrong."""
    heard = Heard()
    store = SqliteStore(str(tmp_path / "no" / "such" / "folder" / "forebay.db"))
    with pytest.raises(StoreError):
        await scene.run(store, heard)
    assert heard.waits == []
