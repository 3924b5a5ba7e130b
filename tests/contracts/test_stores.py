from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.stores.base import HistoryStore
from actors.stores.memory import MemoryStore, MemoryTables
from actors.stores.sqlite import SqliteStore
from tests.contracts.store_suite import Connect, StoreContract


def json(value: object) -> str:
    return msgspec.json.encode(value).decode()


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def connect(self) -> Connect:
        tables = MemoryTables()
        return lambda: MemoryStore(tables=tables)

    async def mirrored(
        self, store: HistoryStore, journal_id: str
    ) -> list[tuple[int, str, str, str, str, int, str]]:
        assert isinstance(store, MemoryStore)
        return [
            (row.offset, of, row.metric.name, json(row.metric), row.cause, row.attempts, row.status)
            for (journal, of, _), row in sorted(store.tables.letters.items())
            if journal == journal_id
        ]

    async def flags(
        self, store: HistoryStore, journal_id: str
    ) -> list[tuple[str, str, str, str, float, str, int]]:
        assert isinstance(store, MemoryStore)
        return sorted(
            (
                row.name,
                row.type,
                json(row.value),
                json(row.default),
                row.rollout,
                row.description,
                row.updated_at or 0,
            )
            for row in store.tables.flags.get(journal_id, ())
        )


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def connect(self, tmp_path: Path) -> Connect:
        return lambda: SqliteStore(str(tmp_path / "forebay.db"))

    async def mirrored(
        self, store: HistoryStore, journal_id: str
    ) -> list[tuple[int, str, str, str, str, int, str]]:
        columns = '"offset", store, name, metric, cause, attempts, status'
        return self._read(
            store, f'{columns} FROM dead_letters WHERE journal_id = ? ORDER BY "offset"', journal_id
        )

    async def flags(
        self, store: HistoryStore, journal_id: str
    ) -> list[tuple[str, str, str, str, float, str, int]]:
        columns = "name, type, value, default_value, rollout, description, coalesce(updated_at, 0)"
        return self._read(
            store, f"{columns} FROM feature_flags WHERE journal_id = ? ORDER BY name", journal_id
        )

    def _read(self, store: HistoryStore, sql: str, journal_id: str) -> list[Any]:
        assert isinstance(store, SqliteStore)
        with contextlib.closing(sqlite3.connect(store.path)) as connection:
            return connection.execute(f"SELECT {sql}", (journal_id,)).fetchall()
