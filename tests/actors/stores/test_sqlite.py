from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actors.stores import sqlite_tables
from actors.stores.base import DeniedError, OutageError, PoisonError, TransientError
from actors.stores.sqlite import ReplacedDatabaseError, SqliteStore
from actors.stores.sqlite_tables import EditedMigrationError, NewerSchemaError
from journal.metric import Metric, Offset
from tests.contracts.store_rows import plain, rows_of, stored

JOURNAL = "0b8f9a52-3f0e-4a52-9d3c-5f1f7f5f0e11"


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "forebay.db")


@pytest.fixture
async def store(path: str) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    await store.open(JOURNAL)
    yield store
    await store.close()


@contextmanager
def shell(path: str) -> Iterator[sqlite3.Connection]:
    """A connection beside the store's, as a person with the sqlite3 shell has it."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=1)
    try:
        yield connection
    finally:
        connection.close()


def remove(path: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(path + suffix).unlink(missing_ok=True)


async def test_a_database_deleted_while_stopped_is_made_anew(path: str) -> None:
    """After the file is gone, `open` knows no cursor, and everything can be written again."""
    store = SqliteStore(path)
    await store.open(JOURNAL)
    await store.write(plain(0, 100), Offset(100))
    await store.close()
    remove(path)
    assert await store.open(JOURNAL) is None
    await store.write(plain(0, 50), Offset(50))
    assert len(await stored(store)) == 50
    await store.close()


async def test_a_file_deleted_while_running_is_noticed(store: SqliteStore, path: str) -> None:
    """The next write is refused, not lost in a file without a name; the one after says what happened."""
    await store.write(plain(0, 100), Offset(100))
    remove(path)
    with pytest.raises(OutageError, match="moved or deleted"):
        await store.write(plain(100, 200), Offset(200))
    with pytest.raises(ReplacedDatabaseError, match="holds nothing"):
        await store.write(plain(100, 200), Offset(200))
    assert await store.open(JOURNAL) is None


async def test_dead_letters_and_flags_do_not_go_into_a_deleted_file(store: SqliteStore, path: str) -> None:
    """Neither passes for mirrored where nobody can read it."""
    for mirrored in (lambda: store.mirror([]), lambda: store.mirror_flags([])):
        await store.open(JOURNAL)
        remove(path)
        with pytest.raises(OutageError, match="moved or deleted"):
            await mirrored()


async def test_an_older_copy_put_back_is_noticed(store: SqliteStore, path: str) -> None:
    """A database whose cursor has gone back takes nothing until it is opened again."""
    await store.write(plain(0, 100), Offset(100))
    await store.close()
    shutil.copy(path, path + ".old")
    await store.open(JOURNAL)
    await store.write(plain(100, 200), Offset(200))
    with shell(path) as person:
        person.execute('UPDATE cursors SET "offset" = 100')
    with pytest.raises(ReplacedDatabaseError, match="before offset 100 only"):
        await store.write(plain(200, 300), Offset(300))
    assert await store.open(JOURNAL) == 100


async def test_a_newer_database_is_refused(path: str) -> None:
    """A migration that this program does not know stops it, by name, and changes nothing."""
    store = SqliteStore(path)
    await store.open(JOURNAL)
    await store.close()
    with shell(path) as person:
        person.execute("INSERT INTO schema_migrations VALUES ('29990101000000', 'add_moon', '', 0)")
    with pytest.raises(NewerSchemaError, match=r"29990101000000.*upgrade Forebay"):
        await store.open(JOURNAL)
    with pytest.raises(OutageError, match="not open"):
        await store.write(plain(0, 1), Offset(1))


async def test_an_edited_migration_is_refused(path: str) -> None:
    """The text of an applied migration may not change afterwards."""
    store = SqliteStore(path)
    await store.open(JOURNAL)
    await store.close()
    with shell(path) as person:
        person.execute("UPDATE schema_migrations SET digest = 'other'")
    with pytest.raises(EditedMigrationError, match="create_metrics"):
        await store.open(JOURNAL)


async def test_another_writer_is_transient(
    store: SqliteStore, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that another process holds too long is worth another attempt, which then passes."""
    monkeypatch.setattr(sqlite_tables, "BUSY_TIMEOUT", 0.05)
    await store.open(JOURNAL)
    with shell(path) as person:
        person.execute("BEGIN IMMEDIATE")
        with pytest.raises(TransientError, match="locked"):
            await store.write(plain(0, 10), Offset(10))
    await store.write(plain(0, 10), Offset(10))
    assert len(await stored(store)) == 10


async def test_a_missing_table_is_denied(store: SqliteStore, path: str) -> None:
    """A schema that is not ours is a fault of configuration."""
    with shell(path) as person:
        person.execute("DROP TABLE metrics")
    with pytest.raises(DeniedError, match="no such table"):
        await store.write(plain(0, 10), Offset(10))


async def test_a_check_of_the_schema_is_poison_and_takes_nothing_along(store: SqliteStore, path: str) -> None:
    """A constraint refuses the batch whole; it is never passed over in silence."""
    with pytest.raises(PoisonError, match="NOT NULL"):
        await store.write([*plain(0, 5000), *rows_of([Metric("nan", float("nan"))], 5000)], Offset(5001))
    assert await stored(store) == []


@pytest.fixture
def junk(path: str) -> Iterator[str]:
    Path(path).write_bytes(b"not a database" * 1000)
    yield path
    assert Path(path).read_bytes() == b"not a database" * 1000


async def test_what_is_no_database_is_an_outage(junk: str) -> None:
    """A file that SQLite cannot read is refused with the way out, and is left as it is."""
    with pytest.raises(OutageError, match="move the file away"):
        await SqliteStore(junk).open(JOURNAL)


async def test_a_missing_directory_is_an_outage(tmp_path: Path) -> None:
    """A path that cannot be opened is named."""
    with pytest.raises(OutageError, match="does its directory exist"):
        await SqliteStore(str(tmp_path / "absent" / "forebay.db")).open(JOURNAL)


async def test_a_full_disk_is_an_outage_that_passes(path: str) -> None:
    """Where the file may not grow, nothing of the batch is stored; when it may again, all is."""
    store = SqliteStore(path)
    await store.open(JOURNAL)
    rows = plain(0, 20_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        with pytest.raises(OutageError):
            await store.write(rows, Offset(20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await store.write(rows, Offset(20_000))
    assert len(await stored(store)) == 20_000
    await store.close()


async def test_a_commit_is_synced(store: SqliteStore) -> None:
    """Every transaction reaches the disk before `write` returns: the journal may then let go of it."""
    assert store._writer is not None
    assert store._writer.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_a_long_question_does_not_delay_a_write(store: SqliteStore) -> None:
    """While the reading thread is busy, a batch is stored; cancelling the question then ends it at once."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    asking = asyncio.ensure_future(store._ask(lambda connection: connection.execute(endless).fetchall()))
    await store.write(plain(0, 1000), Offset(1000))
    assert not asking.done()
    asking.cancel()
    started = time.monotonic()
    assert (await store.names())[0].count == 1000
    assert time.monotonic() - started < 5


async def test_closing_cuts_a_question_short(path: str) -> None:
    """`close` does not wait for a question that takes for ever."""
    store = SqliteStore(path)
    await store.open(JOURNAL)
    await store.names()
    running = asyncio.Event()
    loop = asyncio.get_running_loop()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + tick(i) FROM n) SELECT count(*) FROM n"

    def ask(connection: sqlite3.Connection) -> None:
        connection.create_function("tick", 1, lambda i: loop.call_soon_threadsafe(running.set) and 1)
        connection.execute(endless).fetchall()

    asking = asyncio.ensure_future(store._ask(ask))
    await asyncio.wait_for(running.wait(), 60)
    await asyncio.wait_for(store.close(), 60)
    with pytest.raises(TransientError, match="interrupted"):
        await asking


async def test_the_reader_cannot_write(store: SqliteStore) -> None:
    """Questions go over a connection that is read-only."""
    with pytest.raises(DeniedError, match="readonly"):
        await store._ask(lambda connection: connection.execute("DELETE FROM metrics").fetchall())


async def test_closing_leaves_one_file(path: str) -> None:
    """A closed database is whole in its file: it can be copied or moved."""
    store = SqliteStore(path)
    await store.open(JOURNAL)
    await store.write(plain(0, 10), Offset(10))
    await store.names()
    await store.close()
    assert os.listdir(os.path.dirname(path)) == ["forebay.db"]
