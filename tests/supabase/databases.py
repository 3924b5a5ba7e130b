"""Migrated databases: one is migrated once, the others are copies of it."""

from __future__ import annotations

import asyncio

import asyncpg

from sql import migrations
from tests.supabase.postgres import Postgres

_HISTORY = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations
  (version text primary key, statements text[], name text)
"""


class MigrationFailedError(Exception):
    """The database refused a migration; nothing of it has been applied."""

    def __init__(self, name: str, detail: str) -> None:
        self.name = name
        super().__init__(f"sql/supabase/migrations/{name}.sql: {detail}; nothing of it has been applied")


async def migrate(dsn: str) -> list[str]:
    """Apply what is missing of the migrations and return their names, oldest first; each file is one
    transaction, noted where the CLI of Supabase notes it. Raises MigrationFailedError."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_HISTORY)
        rows = await connection.fetch("select version from supabase_migrations.schema_migrations")
        applied = {row["version"] for row in rows}
        missing = [step for step in migrations("supabase/migrations") if step.version not in applied]
        for step in missing:
            try:
                async with connection.transaction():
                    await connection.execute(step.sql)
                    await connection.execute(
                        "insert into supabase_migrations.schema_migrations values ($1, $2, $3)",
                        *(step.version, [step.sql], step.title),
                    )
            except asyncpg.PostgresError as error:
                raise MigrationFailedError(f"{step.version}_{step.title}", str(error)) from error
    finally:
        await connection.close()
    return [f"{step.version}_{step.title}" for step in missing]


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
