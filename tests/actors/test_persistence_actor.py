"""The persistence actor in the composed tree, with stores that fail when told to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from actors.config import Settings
from actors.config.settings import PersisterSettings, ResilienceSettings
from actors.persistence import actor as persistence
from actors.stores.base import (
    DeniedError,
    HistoryStore,
    OutageError,
    PoisonError,
    Row,
    StoreError,
    ThrottledError,
    TransientError,
)
from actors.stores.memory import MemoryStore, MemoryTables
from actors.stores.sqlite import SqliteStore
from journal.disk import OsFileSystem
from journal.metric import Offset
from tests.actors.wrapped import Wrapped
from tests.journal.faults import SlowSync
from tests.process.composed import SEGMENT, Composed, composed, until
from web.report import StoreStatus

pytestmark = pytest.mark.slow  # whole systems or programs of their own


class Moody(Wrapped):
    """A real store that fails when told to: before a write, after it, or never coming back from it."""

    def __init__(self, store: HistoryStore) -> None:
        super().__init__(store)
        self.before: StoreError | None = None
        self.after: StoreError | None = None
        self.hangs = False
        self.gate = asyncio.Event()
        """Clear: a write waits."""
        self.gate.set()
        self.opening: StoreError | None = None
        self.crash: Exception | None = None
        self.writes = 0

    async def open(self, journal_id: str) -> Offset | None:
        if self.opening is not None:
            raise self.opening
        return await super().open(journal_id)

    async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
        self.writes += 1
        if self.crash is not None:
            crash, self.crash = self.crash, None
            raise crash
        if self.before is not None:
            raise self.before
        if self.hangs:
            await asyncio.Event().wait()
        await self.gate.wait()
        await super().write(rows, cursor)
        if self.after is not None:
            raise self.after


Make = Callable[[], HistoryStore]


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    tables = MemoryTables()
    if request.param == "memory":
        return lambda: MemoryStore(tables=tables)
    return lambda: SqliteStore(str(tmp_path / "store.db"))


async def stored(make: Make, running: Composed) -> list[Offset]:
    """The offsets in the store, seen through a connection of its own."""
    store = make()
    await store.open(str(running.journal.id))
    try:
        return [
            offset for run in [run async for run in store.offsets(Offset(0), Offset(2**40))] for offset in run
        ]
    finally:
        await store.close()


def status(running: Composed, at: int = 0) -> StoreStatus:
    return running.forebay.status.report().stores[at]


def noted(running: Composed) -> int:
    """How many metrics the memory store holds as the journal knows."""
    known = running.journal.state.cursors.get("memory")
    return known.persisted if known is not None else 0


def impatient(home: Path, **resilience: bool) -> Settings:
    """Settings whose breaker probes after a moment."""
    return Settings(
        data=str(home),
        segment_bytes=SEGMENT,
        metrics_persister=PersisterSettings(circuit_breaker_timeout=0.3),
        resilience=ResilienceSettings(**resilience),
    )


@contextlib.asynccontextmanager
async def moody(
    make: Make, home: Path, drain: float = 5.0, **resilience: bool
) -> AsyncIterator[tuple[Composed, Moody]]:
    store = Moody(make())
    async with composed(home, [store], drain=drain, settings=impatient(home, **resilience)) as running:
        yield running, store


ERRORS = [
    (OutageError("s", "gone"), "waiting"),
    (ThrottledError("s", "less", 0.3), "waiting"),
    (TransientError("s", "deadlock"), "waiting"),
    (PoisonError("s", "bad"), "blocked"),
    (DeniedError("s", "no"), "blocked"),
]


@pytest.mark.parametrize(("error", "state"), ERRORS, ids=[error.kind for error, _ in ERRORS])
async def test_an_error_holds_the_cursor_and_nothing_is_lost(
    make: Make, tmp_path: Path, error: StoreError, state: str
) -> None:
    """Of whatever kind: it is shown, ingest goes on, the actor lives, and in the end all is stored once.
    Without a dead-letter queue that is true of poison as well."""
    async with moody(make, tmp_path / "data", dlq_enabled=False) as (running, store):
        first = await running.offer(3)
        await until(lambda: status(running).lag == 0, "the store follows")
        store.before = error
        for _ in range(10):
            await running.offer(5)
        await until(lambda: status(running).last_error, "the error is shown")
        assert status(running).state == state
        assert status(running).lag == 50
        assert status(running).cursor <= first.last_offset + 3
        store.before = None
        await until(lambda: status(running).lag == 0, "the store catches up")
        assert status(running).last_error is None
        assert running.actor(f"stores/{store.name}").restarts == 0
        last = await running.offer(1)
        await until(lambda: status(running).lag == 0, "the store follows")
        offsets = await stored(make, running)
    assert len(offsets) == len(set(offsets)) == 54
    assert last.first_offset in offsets


async def test_an_error_after_the_rows_were_stored_makes_no_double(make: Make, tmp_path: Path) -> None:
    """The answer that was lost on the way: the batch is sent again, and counts once."""
    async with moody(make, tmp_path / "data") as (running, store):
        store.after = TransientError("s", "the answer was lost behind the commit")
        await running.offer(10)
        await until(lambda: store.writes >= 2, "the batch is sent again")
        store.after = None
        await until(lambda: status(running).lag == 0, "the store catches up")
        assert status(running).persisted == 10
        assert len(await stored(make, running)) == 10


async def test_a_mailbox_that_filled_during_a_long_call_holds_nothing_up(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The beats of a minute wait while a store does not answer: what was accepted meanwhile is stored."""
    monkeypatch.setattr(persistence, "NOTE_EVERY", 0.001)
    async with moody(make, tmp_path / "data") as (running, store):
        store.gate.clear()
        await running.offer(10)
        path = f"stores/{store.name}"
        await until(lambda: running.actor(path).mailbox == running.actor(path).capacity, "it is full")
        await running.offer(10)
        store.gate.set()
        await until(lambda: status(running).lag == 0, "the store catches up", 10)


async def test_a_table_of_flags_that_is_gone_after_an_outage_is_written_anew(tmp_path: Path) -> None:
    """The tables were made anew meanwhile, or a backup was put back."""
    tables = MemoryTables()
    async with moody(lambda: MemoryStore(tables=tables), tmp_path / "data") as (running, store):
        await until(lambda: tables.flags, "the flags are mirrored")
        store.before = OutageError("memory", "gone")
        await running.offer(1)
        await until(lambda: status(running).last_error, "the error is shown")
        tables.flags.clear()
        store.before = None
        await until(lambda: tables.flags, "the flags are mirrored again", 10)


async def test_a_store_that_cannot_be_opened_is_tried_again(make: Make, tmp_path: Path) -> None:
    """From the start: metrics are taken meanwhile."""
    store = Moody(make())
    store.opening = OutageError("s", "nobody listens")
    async with composed(tmp_path / "data", [store]) as running:
        await running.offer(10)
        await until(lambda: status(running).last_error, "the error is shown")
        store.opening = None
        await until(lambda: status(running).lag == 0, "the store catches up")
        assert len(await stored(make, running)) == 10


async def test_a_crash_restarts_the_actor_where_the_store_is(make: Make, tmp_path: Path) -> None:
    """An error that is none of a store's is a crash: the actor starts anew, reads the store's cursor, and
    ingest is not disturbed."""
    async with moody(make, tmp_path / "data") as (running, store):
        store.crash = ZeroDivisionError("a mistake")
        await running.offer(10)
        await until(lambda: running.actor(f"stores/{store.name}").restarts == 1, "it is restarted")
        await until(lambda: status(running).lag == 0, "the store catches up")
        await running.offer(1)
        assert running.actor("ingest").restarts == 0
        await until(lambda: running.journal.state.actors, "the crash is in the journal")
        assert running.journal.state.actors[f"stores/{store.name}"].crashes == 1
        await until(lambda: status(running).lag == 0, "the store catches up")
        assert len(await stored(make, running)) == 11


async def test_a_store_that_hangs_does_not_hold_up_the_end(make: Make, tmp_path: Path) -> None:
    """The tree stops when the time is over, and the next start brings the rest."""
    loop = asyncio.get_running_loop()
    async with moody(make, tmp_path / "data", drain=0.3) as (running, store):
        store.hangs = True
        await running.offer(10)
        await until(lambda: store.writes, "it hangs in a write")
        began = loop.time()
    assert loop.time() - began < 20
    async with moody(make, tmp_path / "data") as (running, store):
        await until(lambda: status(running).lag == 0, "the store catches up")
        assert len(await stored(make, running)) == 10


@pytest.mark.slow
async def test_a_commit_at_any_moment_wakes_the_store(make: Make, tmp_path: Path) -> None:
    """A single metric, at whatever moment of the store's own doings, is stored without help from the next."""
    async with moody(make, tmp_path / "data") as (running, _):
        for number in range(150):
            await running.offer(1)
            if number % 3 == 0:
                await until(lambda: status(running).lag == 0, "the only metric is stored")
            await asyncio.sleep(number % 7 / 1000)
        await until(lambda: status(running).lag == 0, "the last metric is stored")


@pytest.mark.slow
async def test_a_commit_during_a_step_that_finds_nothing_wakes_the_store(tmp_path: Path) -> None:
    """While the store's actor looks at a control event and waits for a slow sync, a metric is committed:
    it is stored soon, though nothing more is committed after it."""
    disk = SlowSync(OsFileSystem(), 0.03)
    settings = Settings(
        data=str(tmp_path / "data"), segment_bytes=SEGMENT, durability="interval", sync_interval=60.0
    )
    async with composed(tmp_path / "data", [MemoryStore()], settings=settings, fs=disk) as running:
        for number in range(1, 8, 2):
            await running.offer(1)
            await until(lambda: status(running).lag == 0, "the metric is stored")
            await until(lambda n=number: noted(running) == n, "its cursor is noted")
            await asyncio.sleep(number / 1000)
            await running.offer(1)
            await until(lambda: status(running).lag == 0, "the second metric is stored")


async def test_two_stores_each_at_its_own_pace(tmp_path: Path) -> None:
    """One that hangs does not hold back the other."""
    slow, fast = Moody(MemoryStore("slow")), Moody(MemoryStore("fast"))
    async with composed(tmp_path / "data", [slow, fast], drain=0.2) as running:
        slow.hangs = True
        await running.offer(10)
        await until(lambda: status(running, 1).lag == 0, "the other store follows")
        assert status(running, 0).lag == 10


async def test_the_journal_remembers_the_cursor(tmp_path: Path) -> None:
    """What the status says before the store is open is what the journal last heard."""
    tables = MemoryTables()
    async with composed(tmp_path / "data", [MemoryStore(tables=tables)]) as running:
        await running.offer(10)
        await until(lambda: status(running).lag == 0, "the store follows")
    store = Moody(MemoryStore(tables=tables))
    store.opening = OutageError("s", "gone")
    async with composed(tmp_path / "data", [store]) as running:
        assert status(running).persisted == 10
        assert status(running).lag == 0
