from __future__ import annotations

import asyncpg
import pytest

from actors.stores.base import HistoryStore
from actors.stores.postgres import PostgresStore
from tests.contracts.store_suite import Connect, StoreContract
from tests.supabase.fixtures import local_databases, local_postgres, migrated_database
from tests.supabase.postgres import Postgres

__all__ = ["local_databases", "local_postgres", "migrated_database"]


class TestPostgresStore(StoreContract):
    dsn: str

    @pytest.fixture
    def connect(self, local_postgres: Postgres, migrated_database: str) -> Connect:
        self.dsn = local_postgres.dsn(database=migrated_database)
        return lambda: PostgresStore(self.dsn, "postgres")

    async def mirrored(
        self, store: HistoryStore, journal_id: str
    ) -> list[tuple[int, str, str, str, str, int, str]]:
        connection = await asyncpg.connect(self.dsn)
        try:
            rows = await connection.fetch(
                'select "offset", store, name, metric::text, cause, attempts, status from dead_letters'
                ' where journal_id = $1 order by "offset"',
                journal_id,
            )
        finally:
            await connection.close()
        return [tuple(row) for row in rows]

    async def flags(
        self, store: HistoryStore, journal_id: str
    ) -> list[tuple[str, str, str, str, float, str, int]]:
        connection = await asyncpg.connect(self.dsn)
        try:
            rows = await connection.fetch(
                "select name, type, value::text, default_value::text, rollout, description,"
                " coalesce((extract(epoch from updated_at) * 1000000000)::bigint, 0)"
                " from feature_flags where journal_id = $1 order by name",
                journal_id,
            )
        finally:
            await connection.close()
        return [tuple(row) for row in rows]
