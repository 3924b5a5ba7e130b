from __future__ import annotations

from pathlib import Path

import pytest

from actors.stores.memory import MemoryStore, MemoryTables
from actors.stores.sqlite import SqliteStore
from tests.contracts.store_suite import Connect, StoreContract


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def connect(self) -> Connect:
        tables = MemoryTables()
        return lambda: MemoryStore(tables=tables)


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def connect(self, tmp_path: Path) -> Connect:
        return lambda: SqliteStore(str(tmp_path / "forebay.db"))
