"""Migrated databases: one is migrated once, the others are copies of it."""

from __future__ import annotations

import asyncio

from actors.migrations import migrate_postgres
from tests.supabase.postgres import Postgres


async def migrate(dsn: str) -> list[str]:
    """Do as `forebay db migrate` does, and return the names of the migrations that were missing.

    Raises StoreError.
    """
    done = await migrate_postgres("local", dsn)
    return [f"{step.version}_{step.title}" for step in done]


class Databases:
    """Makes migrated databases in `postgres`, each for one test alone."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres = postgres
        self._template = ""

    async def fresh(self) -> str:
        """The name of a new, migrated and empty database; `postgres.dsn(database=…)` leads to it."""
        if not self._template:
            template = await asyncio.to_thread(self.postgres.create_database)
            await migrate(self.postgres.dsn(database=template))
            self._template = template
        return await asyncio.to_thread(self.postgres.create_database, "", self._template)

    async def drop(self, name: str) -> None:
        """Drop database `name`, whoever is connected to it."""
        await asyncio.to_thread(self.postgres.drop_database, name)
