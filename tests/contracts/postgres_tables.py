"""PostgreSQL's tables, read as somebody would who looks into the database."""

from __future__ import annotations

from typing import Any

import asyncpg

from actors.stores.base import HistoryStore
from tests.contracts.store_suite import StoreContract

LETTERS = """
SELECT "offset", store, name,
  CASE json_typeof(metric) WHEN 'string' THEN metric #>> '{}' ELSE metric::text END, cause, attempts, status
FROM dead_letters WHERE journal_id = $1 ORDER BY "offset"
"""

FLAGS = """
SELECT name, type, value::text, default_value::text, rollout, description,
  coalesce((extract(epoch FROM updated_at) * 1000000000)::bigint, 0)
FROM feature_flags WHERE journal_id = $1 ORDER BY name
"""


class PostgresTables(StoreContract):
    """The contract of stores in the PostgreSQL at `dsn`, whose tables are looked at directly."""

    dsn: str

    async def mirrored(
        self, store: HistoryStore, journal_id: str
    ) -> list[tuple[int, str, str, str, str, int, str]]:
        return await self._read(LETTERS, journal_id)

    async def flags(
        self, store: HistoryStore, journal_id: str
    ) -> list[tuple[str, str, str, str, float, str, int]]:
        return await self._read(FLAGS, journal_id)

    async def _read(self, sql: str, journal_id: str) -> list[Any]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return [tuple(row) for row in await connection.fetch(sql, journal_id)]
        finally:
            await connection.close()
