from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from actors.stores.base import HistoryStore
from actors.stores.postgres import PostgresStore
from actors.stores.sqlite import SqliteStore
from actors.stores.supabase import SupabaseStore
from tests.contracts.audit_suite import AuditContract, Execute
from tests.supabase.fixtures import (
    local_databases,
    local_postgres,
    local_supabase,
    migrated_database,
    supabase,
)
from tests.supabase.postgres import Postgres
from tests.supabase.stack import LocalSupabase

pytestmark = pytest.mark.slow  # whole systems or programs of their own

__all__ = ["local_databases", "local_postgres", "local_supabase", "migrated_database", "supabase"]


def through(dsn: str) -> Execute:
    async def execute(sql: str) -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    return execute


class TestSqlite(AuditContract):
    @pytest.fixture
    def connect(self, tmp_path: Path) -> Callable[[], HistoryStore]:
        return lambda: SqliteStore(str(tmp_path / "store.db"))

    @pytest.fixture
    def execute(self, tmp_path: Path) -> Execute:
        async def execute(sql: str) -> None:
            with sqlite3.connect(tmp_path / "store.db") as connection:
                connection.execute(sql)
            connection.close()

        return execute


class TestPostgres(AuditContract):
    @pytest.fixture
    def connect(self, local_postgres: Postgres, migrated_database: str) -> Callable[[], HistoryStore]:
        dsn = local_postgres.dsn(database=migrated_database)
        return lambda: PostgresStore(dsn, "postgres")

    @pytest.fixture
    def execute(self, local_postgres: Postgres, migrated_database: str) -> Execute:
        return through(local_postgres.dsn(database=migrated_database))


class TestSupabase(AuditContract):
    @pytest.fixture
    def connect(self, supabase: LocalSupabase) -> Callable[[], HistoryStore]:
        return lambda: SupabaseStore(supabase.url, supabase.service_role_key)

    @pytest.fixture
    def execute(self, supabase: LocalSupabase) -> Execute:
        return through(supabase.db_url)
