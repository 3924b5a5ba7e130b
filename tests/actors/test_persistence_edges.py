"""What is rare for a store and its feeder: retired beginnings, huge metrics, stuck letters, rubbish."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors import retention
from actors.config import Settings
from actors.config.settings import PersisterSettings, ResilienceSettings
from actors.core import persistence
from actors.persistence.feed import MOST_BYTES, JournalFeed
from actors.stores.base import OutageError, TransientError
from actors.stores.memory import MemoryStore, MemoryTables
from journal.committer import Options
from journal.disk import OsFileSystem
from journal.events import pack_metrics
from journal.log import Journal
from journal.metric import Metric, Offset
from journal.segment import JournalCorruptError, segment_name
from tests.actors.picky import Picky
from tests.journal.building import read_journal
from tests.process.composed import SEGMENT, Composed, composed, until
from web.letters import LetterFilter
from web.report import StoreStatus


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is retired every few seconds is retired at once."""
    monkeypatch.setattr(retention, "RETIRE_EVERY", 0.1)


def settings(
    home: Path, *, keep_bytes: int = 10_000_000_000, hold_after: int = 1_000, **more: bool
) -> Settings:
    return Settings(
        data=str(home),
        segment_bytes=SEGMENT,
        keep_bytes=keep_bytes,
        dlq_hold_after=hold_after,
        metrics_persister=PersisterSettings(circuit_breaker_timeout=0.2, circuit_breaker_threshold=1_000),
        resilience=ResilienceSettings(**more),
    )


def status(running: Composed, at: int = 0) -> StoreStatus:
    return running.forebay.status.report().stores[at]


async def take(running: Composed, count: int, name: str = "good") -> None:
    for first in range(0, count, 500):
        some = [Metric(name, float(first + at), source="x" * 40) for at in range(min(500, count - first))]
        await running.journal.append([pack_metrics(some)])


async def retired(home: Path, tables: MemoryTables) -> int:
    """A journal whose first segments are gone, everything in them being in the store of `tables`; how many
    metrics that were."""
    async with composed(home, [MemoryStore(tables=tables)], settings=settings(home, keep_bytes=0)) as running:
        await take(running, 40_000)
        await until(lambda: status(running).lag == 0, "it follows")
        await until(lambda: running.journal.first_offset > 10_000, "segments are retired", 60)
    return 40_000


async def test_a_store_that_comes_too_late_lacks_what_was_retired_and_says_so(tmp_path: Path) -> None:
    """It is given what is left; the rest is missing, not persisted, and the account still balances."""
    home = tmp_path / "data"
    count = await retired(home, MemoryTables())
    late = MemoryStore("late")
    async with composed(home, [late], settings=settings(home)) as running:
        await until(lambda: status(running).missing and not status(running).lag, "it follows")
        seen, report = status(running), running.forebay.status.report()
        assert seen.missing > 10_000
        assert seen.persisted + seen.missing == count
        assert report.accepted == report.persisted + report.dead_lettered + report.pending


async def test_a_store_that_was_there_lacks_nothing_after_retention(tmp_path: Path) -> None:
    """What it was given before it was retired is persisted, also after a restart."""
    home, tables = tmp_path / "data", MemoryTables()
    count = await retired(home, tables)
    async with composed(home, [MemoryStore(tables=tables)], settings=settings(home)) as running:
        await until(lambda: status(running).state == "following", "it follows")
        assert (status(running).missing, status(running).persisted) == (0, count)


async def test_a_new_store_that_is_away_does_not_crash_its_actor(tmp_path: Path) -> None:
    """The cursor that is known of it lies before the journal's beginning: no damage, and no crash."""
    home = tmp_path / "data"
    await retired(home, MemoryTables())
    store = Picky(MemoryStore("late"))
    store.before = OutageError("late", "gone")
    async with composed(home, [store], settings=settings(home)) as running:
        await until(lambda: store.opens >= 3, "it is tried again", 60)
        assert running.actor("stores/late").restarts == 0
        assert status(running).lag_seconds > 0


async def test_a_batch_is_bounded_in_bytes(tmp_path: Path) -> None:
    """A hundred metrics of a mebibyte each are not read into memory at once, and none is left out."""
    journal = await Journal.open(str(tmp_path / "journal"))
    huge = "x" * 1024 * 1024
    for number in range(60):
        await journal.append([pack_metrics([Metric("huge", float(number), source=huge)])])
    feed, cursor, values = JournalFeed(journal), Offset(0), list[float]()
    while rows := (batch := await feed.next(cursor, 16_384)).rows:
        assert sum(len(row.metric.source) for row in rows) <= MOST_BYTES + 2 * len(huge)
        values += [row.metric.value for row in rows]
        cursor = batch.end
    assert values == [float(number) for number in range(60)]
    await feed.forget()
    await journal.close()


async def test_what_stands_before_a_damage_is_stored(tmp_path: Path) -> None:
    """An older segment is damaged: the store gets every metric before, the next batch meets the damage."""
    journal = await Journal.open(str(tmp_path / "journal"), options=Options(segment_bytes=SEGMENT))
    while len(journal.segments) < 3:
        await journal.append([pack_metrics([Metric("m", 1.0, source="x" * 40)] * 100)])
    oldest = tmp_path / "journal" / segment_name(0)
    records = [record for record in read_journal(OsFileSystem(), str(tmp_path / "journal")) if record.plain]
    hit = records[5]
    with oldest.open("r+b") as file:
        file.seek(hit.position + 60)
        file.write(bytes(64))
    feed = JournalFeed(journal)
    batch = await feed.next(Offset(0), 16_384)
    assert [row.offset for row in batch.rows] == [*range(records[0].base, hit.base)]
    assert batch.end == hit.base
    for _ in range(2):
        with pytest.raises(JournalCorruptError) as raised:
            await feed.next(batch.end, 16_384)
        assert raised.value.offset == hit.base
        await feed.forget()
    await journal.close()


async def test_one_letter_that_fails_by_chance_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """It is sent alone, counts one attempt more, and stays; the others go back into the store."""
    store = Picky(MemoryStore())
    async with composed(tmp_path / "data", [store], settings=settings(tmp_path / "data")) as running:
        for name in ("bad.1", "bad.stuck", "bad.2", "bad.3"):
            await take(running, 1, name)
        queue = running.forebay.dead_letters_port()
        await until(lambda: queue.page(LetterFilter(), 10, None).pending == 4, "all are dead letters")
        store.refuses = False
        store.stuck, store.chance = {"bad.stuck"}, TransientError("memory", "lock not available")
        await queue.redrive_all(LetterFilter(), dry_run=False, rate=None)
        await until(lambda: queue.page(LetterFilter(), 10, None).pending == 1, "the others are stored")
        [stuck] = queue.page(LetterFilter(), 10, None).letters
        assert (stuck.name, stuck.cause, stuck.weather) == ("bad.stuck", "weather", True)
        assert stuck.attempts == 2


async def test_a_client_that_sends_only_rubbish_stops_nobody_behind_it(tmp_path: Path) -> None:
    """However much it was: one of the latest metrics passes, so the table is not to blame."""
    store = Picky(MemoryStore(), names=True)
    store.batch = store.batch._replace(first=100, most=100)
    async with composed(
        tmp_path / "data", [store], settings=settings(tmp_path / "data", hold_after=50)
    ) as running:
        store.before = OutageError("memory", "gone")
        await take(running, 1_000, "bad")
        await take(running, 1, "good")
        store.before = None
        await until(lambda: status(running).lag == 0, "everything is settled", 60)
        assert (status(running).persisted, status(running).dead_lettered) == (1, 1_000)


@pytest.mark.slow
async def test_the_stores_cursor_passes_what_was_put_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows in the middle became dead letters after the last row had been written: the cursor is behind it."""
    monkeypatch.setattr(persistence, "PAUSE", 0.2)
    tables = MemoryTables()
    store = Picky(MemoryStore(tables=tables))
    store.stuck, store.chance = {"stuck"}, TransientError("memory", "lock not available")
    home = tmp_path / "data"
    async with composed(home, [store], settings=settings(home, retry_enabled=False)) as running:
        metrics = [Metric(name, 1.0) for name in ("good", "stuck", "good", "good")]
        appended = await running.journal.append([pack_metrics(metrics)])
        await until(lambda: status(running).lag == 0, "all are settled", 60)
        assert status(running).dead_lettered == 1
        assert tables.cursors[str(running.journal.id), "memory"] >= appended.first_offset + 4
