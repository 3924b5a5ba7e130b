"""The real ingest, in the composed tree, over a journal on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from actors.stores.memory import MemoryStore
from journal.disk import OsFileSystem
from journal.keys import KEPT_FOR, KeyIndex
from tests.contracts.ingest_suite import Caller, IngestContract
from tests.journal.faults import FailingSync, FullDisk
from tests.process.composed import Composed, composed, until
from web.ports import Accepted, Refused


class TestIngestActor(IngestContract):
    @pytest.fixture
    async def ingest(self, tmp_path: Path) -> AsyncIterator[Any]:
        async with composed(tmp_path / "data", [MemoryStore()]) as running:
            yield running.ingest

    @pytest.fixture
    async def refusing(self, tmp_path: Path) -> Any:
        async with composed(tmp_path / "data", [MemoryStore()]) as running:
            pass
        return running.ingest


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Composed]:
    async with composed(tmp_path / "data", [MemoryStore()]) as running:
        yield running


async def test_what_is_accepted_is_in_the_journal_in_order(running: Composed) -> None:
    """Every metric of every request, once, in the order of the offers."""
    caller = Caller(running.ingest)
    for count in (1, 100, 3):
        caller.offer(count)
        caller.offer(count, key=f"key-{count}")
    receipts = await caller.accepted()
    values = [metric.value for metric in await running.journaled()]
    assert len(values) == sum(receipt.accepted for receipt in receipts) == 208


async def test_a_key_is_remembered_across_restarts(tmp_path: Path) -> None:
    """Of the process, in good order: a repeat is answered with the first receipt, and stored once."""
    async with composed(tmp_path / "data", [MemoryStore()]) as running:
        first = await running.offer(5, key="k")
    async with composed(tmp_path / "data", [MemoryStore()]) as running:
        assert await running.offer(5, key="k") == first
        assert len(await running.journaled()) == 5


async def test_a_key_is_remembered_without_its_index(tmp_path: Path) -> None:
    """The index is only a projection: deleted, or damaged, it is made anew from the journal."""
    async with composed(tmp_path / "data", [MemoryStore()]) as running:
        first = await running.offer(5, key="k")
    index = tmp_path / "data" / "keys.db"
    for damage in (index.unlink, lambda: index.write_bytes(b"no database at all" * 1000)):
        damage()
        async with composed(tmp_path / "data", [MemoryStore()]) as running:
            assert await running.offer(5, key="k") == first


async def test_a_key_is_forgotten_after_a_day(tmp_path: Path) -> None:
    """24 hours later the same key is a new request; a moment before, it is a repeat."""
    now = 1_700_000_000_000_000_000

    def clock() -> int:
        return now

    async with composed(tmp_path / "data", [MemoryStore()], now=clock, monotonic=clock) as running:
        first = await running.offer(1, key="k")
        now += KEPT_FOR
        assert await running.offer(1, key="k") == first
        now += 1
        again = await running.offer(1, key="k")
        assert again.first_offset > first.last_offset


async def test_a_clock_that_is_set_forgets_no_key(tmp_path: Path) -> None:
    """Forward, as after a start without the time, or ahead for a moment: repeats are known all the same."""
    now = 0
    async with composed(tmp_path / "data", [MemoryStore()], now=lambda: now) as running:
        accepted: list[Accepted] = []
        for days in (20_000, 20_003, 20_000):
            accepted.append(await running.offer(1, key=f"{len(accepted)}"))
            await until(lambda: running.keys.upto > accepted[-1].last_offset, "it is in the index")
            now = days * KEPT_FOR
        for at, first in enumerate(accepted):
            assert await running.offer(1, key=f"{at}") == first


async def test_a_restart_of_the_actor_forgets_no_key(running: Composed) -> None:
    """Keys accepted a moment before the actor died, not yet in the index, are read from the journal."""
    first = await running.offer(2, key="k")
    await crash(running)
    assert await running.offer(2, key="k") == first
    assert len(await running.journaled()) == 2


async def test_a_message_that_kills_the_actor_stops_nobody_else(running: Composed) -> None:
    """It is given up with a refusal, and the metrics before and behind it are accepted, once each."""
    caller = Caller(running.ingest)
    caller.offer(3)
    heard = running.poison()
    caller.offer(4, key="k")
    assert len(await caller.accepted()) == 2
    await until(lambda: heard, "an answer for the request that kills")
    assert isinstance(heard[0], Refused)
    assert len(heard) == 1
    assert len(await running.journaled()) == 7


async def test_an_index_that_cannot_be_asked_refuses_keyed_requests_only(running: Composed) -> None:
    """While the index is broken, requests without a key go on and keyed ones are told to come again; when
    it is mended, they are taken, and nothing was stored twice."""
    first = await running.offer(1, key="first")
    with contextlib.closing(sqlite3.connect(running.keys.path, isolation_level=None)) as other:
        other.execute("ALTER TABLE keys RENAME TO gone")
        plain, keyed = Caller(running.ingest), Caller(running.ingest)
        plain.offer(2)
        keyed.offer(3, key="k")
        assert len(await plain.accepted()) == 1
        [receipt] = await keyed.receipts()
        assert isinstance(receipt, Refused)
        assert receipt.retry_after is not None
        other.execute("ALTER TABLE gone RENAME TO keys")
    assert await running.offer(1, key="first") == first
    assert (await running.offer(3, key="k")).accepted == 3
    assert running.actor("ingest").restarts == 0
    assert len(await running.journaled()) == 6


async def test_a_full_mailbox_refuses_with_busy(running: Composed) -> None:
    """What is over the capacity is refused at once, with the time to come back, and is not stored."""
    capacity = running.actor("ingest").capacity
    caller = Caller(running.ingest)
    for _ in range(capacity + 10):
        caller.offer()
    receipts = await caller.receipts()
    refused = [receipt for receipt in receipts if isinstance(receipt, Refused)]
    assert [(each.reason, each.retry_after) for each in refused] == [("busy", 1.0)] * 10
    assert len(await running.journaled()) == capacity


async def test_a_full_disk_refuses_with_disk_full_and_resumes(tmp_path: Path) -> None:
    """507's reason while there is no room, and by itself 202 again; what was accepted is there once."""
    disk = FullDisk(OsFileSystem())
    async with composed(tmp_path / "data", [MemoryStore()], fs=disk) as running:
        accepted = 0
        disk.full = True
        refused: Refused | None = None
        while refused is None:
            caller = Caller(running.ingest)
            caller.offer(3000)
            [receipt] = await caller.receipts()
            if isinstance(receipt, Accepted):
                accepted += 3000
            else:
                refused = receipt
        assert refused.reason == "disk-full"
        assert running.forebay.status.not_ready() != []
        disk.full = False
        await until(lambda: running.journal.condition == "writable", "room is noticed")
        assert running.forebay.status.not_ready() == []
        await running.offer(7)
        assert len(await running.journaled()) == accepted + 7
    async with composed(tmp_path / "data", [MemoryStore()]) as running:
        assert len(await running.journaled()) == accepted + 7


@pytest.mark.slow
async def test_a_small_request_after_a_roll_that_had_no_room_is_not_lost(tmp_path: Path) -> None:
    """A roll that gets its new segment and then no room for the record leaves nothing half done: what is
    accepted next, however small, is there after the next recovery."""
    disk = FullDisk(OsFileSystem())
    async with composed(tmp_path / "data", [MemoryStore()], fs=disk) as running:
        accepted = 0
        await until(lambda: (tmp_path / "data/journal/spare.new").exists(), "a spare")
        while running.journal.frontier.byte < 900_000:
            await running.offer(1000)
            accepted += 1000
        disk.full = True
        for count in (60_000, 1, 2):
            caller = Caller(running.ingest)
            caller.offer(count)
            [receipt] = await caller.receipts()
            accepted += count if isinstance(receipt, Accepted) else 0
        disk.full = False
        await until(lambda: running.journal.condition == "writable", "room is noticed")
        await running.offer(3)
        accepted += 3
    async with composed(tmp_path / "data", [MemoryStore()]) as running:
        assert len(await running.journaled()) == accepted


@pytest.mark.slow
async def test_a_failing_sync_refuses_and_recovers_without_a_trace(tmp_path: Path) -> None:
    """While the disk fails, nothing is acknowledged and nothing stays behind; afterwards all goes on."""
    disk = FailingSync(OsFileSystem())
    async with composed(tmp_path / "data", [MemoryStore()], fs=disk) as running:
        await running.offer(1)
        # Nothing is left to note: no event of the system's own comes to probe the disk.
        await until(lambda: running.journal.state.cursors.get("memory"), "the cursor is noted")
        disk.failing = True
        caller = Caller(running.ingest)
        caller.offer(5)
        [receipt] = await caller.receipts()
        assert isinstance(receipt, Refused)
        assert receipt.reason == "failed"
        assert disk.failed >= 2, "it was not even tried on a new descriptor"
        assert running.forebay.status.not_ready() != []
        disk.failing = False
        await until(lambda: not running.forebay.status.not_ready(), "ready again, without a request's help")
        await running.offer(2)
        assert len(await running.journaled()) == 3


async def test_cancelled_clients_disturb_nobody(running: Composed) -> None:
    """Connections that go away between request and answer: what they sent is stored, the others answered."""
    body = b'{"name":"gone","value":1}'
    request = (
        b"POST /api/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    port = int(running.forebay.url.rpartition(":")[2])
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await writer.drain()
        writer.close()
    await running.offer(1)
    await until(lambda: running.journal.state.accepted == 21, "all that was sent is accepted")


async def crash(running: Composed) -> None:
    """Make the ingest actor die once, and return when it is back."""
    before = running.actor("ingest").restarts
    heard = running.poison()
    await until(lambda: heard, "the killing request is given up")
    await until(lambda: running.actor("ingest").state == "running", "ingest runs again")
    assert running.actor("ingest").restarts > before


def test_the_index_survives_being_read_by_another(tmp_path: Path) -> None:
    """A lock held for a moment, as the sqlite3 shell holds one, destroys nothing."""
    path = str(tmp_path / "keys.db")
    index = KeyIndex(path, "journal")
    index.add([], 7, 0)  # type: ignore[arg-type]
    index.close()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))
    release.start()
    index = KeyIndex(path, "journal")
    assert index.upto == 7
    index.close()
    release.join()
    other.close()
