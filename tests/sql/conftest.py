from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from tests.sql.databases import PLAIN, SUPABASE_ROLES, Connection, migrate
from tests.supabase.fixtures import local_database, local_postgres
from tests.supabase.postgres import Postgres

__all__ = ["local_database", "local_postgres"]


@pytest.fixture(scope="session")
def plain_postgres() -> Iterator[Postgres]:
    """A PostgreSQL that has never heard of Supabase; `postgres` owns its databases and is no superuser."""
    with Postgres(fsync=False) as postgres:
        postgres.execute(PLAIN, "postgres")
        postgres.execute(PLAIN, "template1")
        postgres.execute(f"drop role {SUPABASE_ROLES}")
        yield postgres


@pytest.fixture(scope="session")
def migrated_template(local_postgres: Postgres) -> Iterator[str]:
    """The name of a database with the tables and nothing in them, for copies of it."""
    name = local_postgres.create_database()
    migrate(local_postgres, name)
    yield name
    local_postgres.drop_database(name)


@pytest.fixture
def database(local_postgres: Postgres, migrated_template: str) -> Iterator[str]:
    """The name of a database with Supabase's roles and our tables, for one test."""
    name = local_postgres.create_database(template=migrated_template)
    yield name
    local_postgres.drop_database(name)


@pytest.fixture
async def connection(local_postgres: Postgres, database: str) -> AsyncIterator[Connection]:
    """To `database`, as the owner of the tables."""
    connection = await asyncpg.connect(local_postgres.dsn(database=database))
    yield connection
    await connection.close()
