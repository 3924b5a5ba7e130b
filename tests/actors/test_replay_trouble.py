"""A replay that is interrupted, refused, put off or betrayed by its store, and how it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from actors.replay.sender import Limits
from actors.stores.base import (
    DatabaseWentBackError,
    DeniedError,
    HistoryStore,
    OutageError,
    Row,
    StoreError,
    ThrottledError,
    TransientError,
)
from journal.inspect import Bound
from journal.metric import Offset
from journal.reader import segment_offsets
from journal.segment import JournalCorruptError, segment_name
from tests.actors.picky import Picky
from tests.actors.replaying import LIMITS, QUICK, Heard, Scene, scene, some
from tests.actors.wrapped import Wrapped
from tests.journal.test_inspect_verify import records_of

__all__ = ["scene"]


class Failing(Wrapped):
    """Raises these errors at the writes of these numbers, counted from 0; counts opens and rows written."""

    def __init__(self, store: HistoryStore, errors: dict[int, StoreError]) -> None:
        super().__init__(store)
        self._errors = errors
        self._number = -1
        self.opens = 0
        self.written = 0

    async def open(self, journal_id: str) -> Offset | None:
        self.opens += 1
        return await super().open(journal_id)

    async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
        self._number += 1
        if (error := self._errors.get(self._number)) is not None:
            raise error
        self.written += len(rows)
        await super().write(rows, cursor)


async def test_a_stopped_replay_goes_on_where_it_was(scene: Scene) -> None:
    """What is under way is finished; the same replay, begun again, sends the rest and only that."""
    heard = Heard(stop_at=450)
    first = await scene.run(heard=heard)
    assert (first.complete, first.done, len(scene.bookmarks)) == (False, scene.stored[-1].offset + 1, 1)
    assert scene.stored == scene.rows[: first.sent]
    heard = Heard()
    second = await scene.run(heard=heard)
    assert heard.resumed_at == [first.done]
    assert (second.complete, second.sent, second.sent_before) == (True, 1000 - first.sent, first.sent)
    assert scene.stored == scene.rows
    assert (scene.cursor, scene.bookmarks) == (scene.next_offset, [])


async def test_another_replay_begins_at_its_own_beginning(scene: Scene) -> None:
    """Another filter or range is another replay; `--restart` forgets."""
    first = await scene.run(heard=Heard(stop_at=450))
    for options, sent in (({"names": ["a"]}, 500), ({"since": Bound(offset=3)}, 999), ({"anew": True}, 1000)):
        heard = Heard()
        outcome = await scene.run(heard=heard, **options)
        assert (outcome.sent, outcome.sent_before) == (sent, 0)
        assert heard.resumed_at[0] < first.done


async def test_a_database_made_anew_in_between_gets_everything(scene: Scene) -> None:
    """A bookmark is no proof: what the store no longer holds is sent again, and its cursor says no more."""
    first = await scene.run(heard=Heard(stop_at=450))
    assert 0 < first.done < scene.next_offset
    scene.tables.metrics.clear()
    scene.tables.cursors.clear()
    heard = Heard()
    outcome = await scene.run(heard=heard)
    assert (outcome.sent, len(heard.again), scene.stored) == (1000, 1, scene.rows)
    assert scene.cursor == scene.next_offset


async def test_a_bookmark_that_cannot_be_read_is_none(scene: Scene) -> None:
    """Half a file, as after a power cut: everything is sent again."""
    await scene.run(heard=Heard(stop_at=450))
    (name,) = scene.bookmarks
    (scene.home / "state" / name).write_bytes(b'{"asked": [')
    assert (await scene.run()).sent == 1000


async def test_a_folder_that_takes_no_bookmark_stops_nothing(scene: Scene) -> None:
    """It is told, and the replay goes on."""
    (scene.home / "state").write_text("a file where the folder should be")
    heard = Heard(stop_at=450)
    outcome = await scene.run(heard=heard)
    assert len(heard.forgot) == 1
    assert scene.stored == scene.rows[: outcome.sent]
    (scene.home / "state").unlink()


@pytest.mark.parametrize("names", [True, False], ids=["named", "searched"])
async def test_what_is_refused_is_told_and_the_rest_is_stored(scene: Scene, names: bool) -> None:
    """Each guilty metric with its cause; the cursor is not brought past the first, so a start sees it."""
    await scene.accept([[*some(50), *some(2, "bad"), *some(40)], some(10, "bad"), some(10)])
    bad = [row for row in scene.rows if row.metric.name == "bad"]
    heard = Heard()
    outcome = await scene.run(Picky(scene.store(), names=names), heard)
    assert [(blame.offset, blame.cause) for blame in heard.refusals] == [(row.offset, "check") for row in bad]
    assert scene.stored == [row for row in scene.rows if row.metric.name != "bad"]
    assert (outcome.complete, outcome.refused) == (True, 12)
    assert scene.cursor is None or scene.cursor <= bad[0].offset


async def test_a_table_that_refuses_everything_ends_it(scene: Scene) -> None:
    """After so many in a row it is the table; the same command goes on once that is mended."""
    store = Picky(scene.store(), names=True)
    store.refuses_all = True
    limits = Limits(most_rows=50, hold_after=120, policy=QUICK)
    heard = Heard()
    with pytest.raises(DeniedError, match="the last 150 metrics were all refused"):
        await scene.run(store, heard, limits=limits)
    assert (len(heard.refusals), scene.stored) == (150, [])
    store.refuses_all = False
    outcome = await scene.run(store, limits=limits)
    assert (outcome.refused, scene.stored) == (0, scene.rows)


async def test_an_outage_is_waited_for(scene: Scene) -> None:
    """The store is connected to anew and gets everything; who watches is told."""
    errors: dict[int, StoreError] = {
        2: OutageError("memory", "gone"),
        3: OutageError("memory", "still gone"),
        5: TransientError("memory", "deadlock"),
        6: ThrottledError("memory", "slowly", retry_after=0.01),
    }
    store, heard = Failing(scene.store(), errors), Heard()
    outcome = await scene.run(store, heard)
    assert (outcome.complete, scene.stored, scene.cursor) == (True, scene.rows, scene.next_offset)
    assert [type(error) for error in heard.waits] == [type(error) for error in errors.values()]
    assert store.opens == 3


async def test_a_wait_can_be_ended(scene: Scene) -> None:
    """Whoever stops it does not wait for the store's return."""
    store = Failing(scene.store(), {2: ThrottledError("memory", "slowly", retry_after=3600.0)})

    class Impatient(Heard):
        def waiting(self, error: StoreError, seconds: float) -> None:
            self.stop.set()

    outcome = await scene.run(store, Impatient())
    assert (outcome.complete, outcome.sent) == (False, 200)
    assert (await scene.run()).sent == 800


async def test_a_statement_that_takes_too_long_gets_smaller(scene: Scene) -> None:
    """As a slow project's time-out wants it; nothing is refused for that."""

    class Small(Wrapped):
        async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
            if len(rows) > 13:
                raise TransientError(self.name, "statement time-out", code="57014", smaller=True)
            await super().write(rows, cursor)

    outcome = await scene.run(Small(scene.store()))
    assert (outcome.refused, scene.stored) == (0, scene.rows)


async def test_a_metric_that_fails_while_its_neighbours_pass_is_refused(scene: Scene) -> None:
    """By chance again and again, alone: it is told as such, and holds up nobody."""
    await scene.accept([[*some(20), *some(1, "odd"), *some(20)]])
    store, heard = Picky(scene.store()), Heard()
    store.stuck, store.chance = {"odd"}, TransientError("memory", "deadlock")
    outcome = await scene.run(store, heard, since=Bound(offset=scene.rows[1000].offset))
    assert [blame.cause for blame in heard.refusals] == ["weather"]
    assert outcome.sent == 40


async def test_a_refusal_of_rights_ends_it_and_it_goes_on_later(scene: Scene) -> None:
    """A fault of configuration is told at once; nothing that was sent is sent again."""
    store = Failing(scene.store(), {3: DeniedError("memory", "permission denied")})
    with pytest.raises(DeniedError):
        await scene.run(store)
    assert store.written == 300
    again = Failing(scene.store(), {})
    outcome = await scene.run(again)
    assert (again.written, outcome.sent_before, scene.stored) == (700, 300, scene.rows)


async def test_a_database_that_went_back_gets_everything_again(scene: Scene) -> None:
    """A failover has lost what was confirmed: no row is missing in the end, and the cursor is true."""

    class Failover(Failing):
        async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
            if self._number == 4:
                scene.tables.metrics.clear()
                scene.tables.cursors.clear()
            await super().write(rows, cursor)

    store = Failover(scene.store(), {5: DatabaseWentBackError("memory", "the database", Offset(500))})
    heard = Heard()
    outcome = await scene.run(store, heard)
    assert (outcome.complete, len(heard.again)) == (True, 1)
    assert (scene.stored, scene.cursor) == (scene.rows, scene.next_offset)


async def test_a_cursor_that_is_gone_after_an_outage_is_noticed(scene: Scene) -> None:
    """The tables were made anew while nobody answered: everything is sent again."""
    store = scene.store()
    await store.open(scene.journal_id)
    await store.write([], Offset(3))

    class MadeAnew(Failing):
        async def open(self, journal_id: str) -> Offset | None:
            if self.opens == 1:
                scene.tables.metrics.clear()
                scene.tables.cursors.clear()
            return await super().open(journal_id)

    heard = Heard()
    await scene.run(MadeAnew(scene.store(), {4: OutageError("memory", "gone")}), heard)
    assert (len(heard.again), scene.stored) == (1, scene.rows)


@pytest.mark.parametrize("which", [0, -1], ids=["first", "newest"])
async def test_a_damaged_journal_is_not_passed_over(scene: Scene, which: int) -> None:
    """All that comes before the damage is sent, and the error says where that is; where the newest segment is
    hit, the journal does not pass for one that ends there. What needs only sound records is not refused."""
    await scene.accept([some(5_000, begin=10_000)] * 10)
    offsets = segment_offsets(scene.directory)
    assert len(offsets) > 1
    segment = offsets[which]
    path = Path(scene.directory) / segment_name(segment)
    damaged = next(row.offset for row in scene.rows if row.offset > segment + 300)
    records = records_of(path.parent, path.name)
    (hit,) = [record for record in records if record.base <= damaged < record.next_offset]
    with path.open("r+b") as file:
        file.seek(hit.position + 60)
        file.write(b"\xff" * 64)
    until = Bound(offset=hit.base)
    assert (await scene.run(until=until)).complete
    scene.tables.metrics.clear()
    scene.tables.cursors.clear()
    for limits in (LIMITS, msgspec.structs.replace(LIMITS, most_rows=7_000)):
        with pytest.raises(JournalCorruptError) as raised:
            await scene.run(limits=limits, anew=True)
        assert raised.value.offset == hit.base
        assert scene.stored == [row for row in scene.rows if row.offset < hit.base]
        assert scene.cursor is None or scene.cursor <= hit.base
    with pytest.raises(JournalCorruptError):
        await scene.replay(anew=True).count()
