from __future__ import annotations

import asyncpg
import pytest

from actors.stores.base import HistoryStore
from actors.stores.supabase import SupabaseStore
from tests.contracts.store_suite import Connect, StoreContract
from tests.supabase.fixtures import local_databases, local_postgres, local_supabase, supabase
from tests.supabase.stack import LocalSupabase

__all__ = ["local_databases", "local_postgres", "local_supabase", "supabase"]


class TestSupabaseStore(StoreContract):
    cursor_with_rows = False
    db_url: str

    @pytest.fixture
    def connect(self, supabase: LocalSupabase) -> Connect:
        self.db_url = supabase.db_url
        return lambda: SupabaseStore(supabase.url, supabase.service_role_key)

    async def mirrored(
        self, store: HistoryStore, journal_id: str
    ) -> list[tuple[int, str, str, str, str, int, str]]:
        connection = await asyncpg.connect(self.db_url)
        try:
            rows = await connection.fetch(
                'select "offset", store, name,'
                " case json_typeof(metric) when 'string' then metric #>> '{}' else metric::text end,"
                ' cause, attempts, status from dead_letters where journal_id = $1 order by "offset"',
                journal_id,
            )
        finally:
            await connection.close()
        return [tuple(row) for row in rows]

    async def flags(
        self, store: HistoryStore, journal_id: str
    ) -> list[tuple[str, str, str, str, float, str, int]]:
        connection = await asyncpg.connect(self.db_url)
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
