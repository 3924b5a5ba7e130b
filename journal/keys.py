"""Which idempotency keys were accepted in the last 24 hours, and what was answered.

A projection of the journal in a SQLite file of its own: it can be deleted, and is then made anew from
the journal. On the disk and not in memory, because a day of keys is many. Its methods block.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from journal.events import MetricsAccepted, offsets_of
from journal.framing import Record
from journal.metric import Nanoseconds, Offset

KEPT_FOR: Final[Nanoseconds] = 24 * 3600 * 1_000_000_000
_LOOKED_UP_AT_ONCE: Final = 500
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})


class KeptReceipt(NamedTuple):
    """What a request with a key was answered: `metrics` metrics from `first_offset`, accepted at `time`."""

    first_offset: Offset
    metrics: int
    time: Nanoseconds


def digest(key: str) -> bytes:
    """What stands for `key` in the index: 16 bytes of BLAKE2b (RFC 7693)."""
    return hashlib.blake2b(key.encode(), digest_size=16).digest()


def keys_of(record: Record) -> list[tuple[bytes, KeptReceipt]]:
    """The keyed requests of `record`. Raises UnknownEventError."""
    if record.plain:
        return []
    return [
        (digest(event.key), KeptReceipt(offset, len(event.metrics), record.time))
        for offset, event in offsets_of(record.events(), record.base)
        if isinstance(event, MetricsAccepted) and event.key
    ]


class KeyIndex:
    """The index in the file at `path`; all calls from one thread at a time.

    It is not synced at each change: after a power cut it may be behind, says so by `upto`, and is brought
    up to date from the journal. Raises sqlite3.OperationalError where the file cannot be used.
    """

    def __init__(self, path: str, journal_id: str) -> None:
        self.path = path
        self._journal_id = journal_id
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in _DAMAGED:
                raise
            # Only a projection: a damaged one is made anew.
            for suffix in ("", "-wal", "-shm"):
                if os.path.exists(path + suffix):
                    os.remove(path + suffix)
            self._open()

    def _open(self) -> None:
        self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        # NORMAL syncs around checkpoints only; without it a power cut in one could keep `upto`, not the keys.
        self._db.executescript(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            CREATE TABLE IF NOT EXISTS keys (
                digest BLOB PRIMARY KEY, first_offset INTEGER NOT NULL,
                metrics INTEGER NOT NULL, time INTEGER NOT NULL
            ) WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS keys_by_time ON keys (time);
            CREATE TABLE IF NOT EXISTS progress (journal_id TEXT PRIMARY KEY, upto INTEGER NOT NULL);
            """
        )
        row = self._db.execute(
            "SELECT upto FROM progress WHERE journal_id = ?", (self._journal_id,)
        ).fetchone()
        self.upto = Offset(row[0] if row else 0)
        """Every keyed request before this offset is in the index."""
        if row is None:
            # Another journal's keys say nothing about this one's.
            self.clear()
        else:
            # Finds out now, not at the first key, whether the file can be written.
            self._db.execute("UPDATE progress SET upto = upto")

    def keep_in_memory(self) -> None:
        """Begin anew in memory, for as long as this process lives, where the file cannot be written."""
        self._db.close()
        self.path = ":memory:"
        self._open()

    def clear(self) -> None:
        """Forget every key: the journal is to be read from the beginning."""
        self._db.executescript("BEGIN IMMEDIATE; DELETE FROM keys; DELETE FROM progress;")
        self._db.execute("INSERT INTO progress VALUES (?, 0)", (self._journal_id,))
        self._db.execute("COMMIT")
        self.upto = Offset(0)

    def find(self, digests: Sequence[bytes], since: Nanoseconds) -> dict[bytes, KeptReceipt]:
        """Those of `digests` that were accepted at `since` or later."""
        found: dict[bytes, KeptReceipt] = {}
        for start in range(0, len(digests), _LOOKED_UP_AT_ONCE):
            some = digests[start : start + _LOOKED_UP_AT_ONCE]
            marks = ",".join("?" * len(some))
            rows = self._db.execute(
                "SELECT digest, first_offset, metrics, time FROM keys "
                f"WHERE time >= ? AND digest IN ({marks})",
                (since, *some),
            )
            found.update((row[0], KeptReceipt(Offset(row[1]), row[2], row[3])) for row in rows)
        return found

    def add(self, keys: Iterable[tuple[bytes, KeptReceipt]], upto: Offset, now: Nanoseconds) -> None:
        """Take in `keys`, forget those over 24 hours old at `now`; all before `upto` are in now."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?)",
                ((digest_, *kept) for digest_, kept in keys),
            )
            # A few at a time, so that no call takes long.
            self._db.execute(
                "DELETE FROM keys WHERE digest IN (SELECT digest FROM keys WHERE time < ? LIMIT 10000)",
                (now - KEPT_FOR,),
            )
            self._db.execute("UPDATE progress SET upto = ?", (upto,))
            self._db.execute("COMMIT")
        except BaseException:
            # After some errors SQLite has rolled back by itself.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self.upto = upto

    def close(self) -> None:
        """Close the file."""
        self._db.close()
