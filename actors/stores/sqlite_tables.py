"""Connections to a SQLite database, and its tables brought up to date."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from actors.stores.base import DeniedError
from sql import Migration

CHECKPOINT_PAGES = 20_000
"""Pages of write-ahead log (80 MB) between checkpoints. The more, the less often the same index pages are
copied into the database: 236 k rows/s at 1,000 pages, 250 k at 4,000, 272 to 294 k at 20,000."""

CACHE_KIB = 64 * 1024
"""Page cache of the writing connection, filled as pages are touched."""

BUSY_TIMEOUT = 5.0
"""Seconds that a statement waits for another process's lock, such as the sqlite3 shell's."""

_RECORD = """
CREATE TABLE IF NOT EXISTS schema_migrations (
  -- What was applied to this database, and when.
  version    TEXT    NOT NULL PRIMARY KEY,
  title      TEXT    NOT NULL,
  digest     TEXT    NOT NULL, -- SHA-256 of the file: an applied migration is never edited
  applied_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""


class NewerSchemaError(DeniedError):
    """The database was made by a newer Forebay."""

    def __init__(self, store: str, path: str, versions: Sequence[str]) -> None:
        self.versions = versions
        super().__init__(
            store,
            f"{path} has migrations that this Forebay does not know ({', '.join(versions)}): upgrade Forebay",
        )


class EditedMigrationError(DeniedError):
    """A migration was changed after it had been applied."""

    def __init__(self, store: str, path: str, migration: Migration) -> None:
        self.migration = migration
        super().__init__(
            store,
            f"migration {migration.version}_{migration.title} differs from what was applied to {path}: "
            "restore it, and put the change into a new one",
        )


def connect_for_writing(path: str) -> sqlite3.Connection:
    """A connection that writes, to a database that is made where there is none."""
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL: one fdatasync a transaction. NORMAL would keep rows and cursor consistent too, but may
        # forget the last transactions in a power cut, and the journal deletes segments on the word of
        # the cursor: during a long drain they go as soon as they are stored. It costs 10 to 20 % of the
        # rows/s at 16,384 rows a transaction, and nearly half at 100: whoever writes should gather.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connect_for_reading(path: str) -> sqlite3.Connection:
    """A connection that cannot write, to a database that is there."""
    uri = f"file:{quote(path)}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)


def migrate(
    connection: sqlite3.Connection, store: str, path: str, known: Sequence[Migration]
) -> list[Migration]:
    """The migrations of `known` that were missing and are now applied, all in one transaction.

    Raises NewerSchemaError where the database has one that is not known, EditedMigrationError where the
    text of one has changed since, and sqlite3.Error; the database is then as it was.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_RECORD)
        applied: dict[str, str] = dict(connection.execute("SELECT version, digest FROM schema_migrations"))
        if unknown := sorted(applied.keys() - {migration.version for migration in known}):
            raise NewerSchemaError(store, path, unknown)
        missing = [migration for migration in known if migration.version not in applied]
        for migration in known:
            if applied.get(migration.version, migration.digest) != migration.digest:
                raise EditedMigrationError(store, path, migration)
        for migration in missing:
            for statement in statements(migration.sql):
                connection.execute(statement)
            record = (migration.version, migration.title, migration.digest, time.time_ns())
            connection.execute("INSERT INTO schema_migrations VALUES (?, ?, ?, ?)", record)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return missing


def statements(script: str) -> Iterator[str]:
    """The statements of `script`, each with the comments before it; a statement ends where a line does.

    `executescript` would do the splitting, but it commits what is open first.
    """
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
