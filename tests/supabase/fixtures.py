"""Fixtures for everyone: one server a test worker, made when first asked for, gone when the worker ends.

Use them from a conftest that imports all of the chain: `from tests.supabase.fixtures import *`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.supabase.databases import Databases
from tests.supabase.postgres import Postgres
from tests.supabase.stack import LocalSupabase

__all__ = [
    "local_database",
    "local_databases",
    "local_postgres",
    "local_supabase",
    "migrated_database",
    "supabase",
]


@pytest.fixture(scope="session")
def local_postgres() -> Iterator[Postgres]:
    """A running PostgreSQL with the roles of Supabase and no tables; tests make their own databases."""
    with Postgres(fsync=False, in_memory=True) as postgres:
        yield postgres


@pytest.fixture
def local_database(local_postgres: Postgres) -> Iterator[str]:
    """The name of an empty database for one test, not migrated."""
    name = local_postgres.create_database()
    yield name
    local_postgres.drop_database(name)


@pytest.fixture(scope="session")
def local_databases(local_postgres: Postgres) -> Databases:
    """Makes migrated databases."""
    return Databases(local_postgres)


@pytest.fixture
async def migrated_database(local_databases: Databases) -> AsyncIterator[str]:
    """The name of a migrated, empty database for one test."""
    name = await local_databases.fresh()
    yield name
    await local_databases.drop(name)


@pytest.fixture(scope="session")
def local_supabase(local_databases: Databases) -> Iterator[LocalSupabase]:
    """A running Supabase on the same PostgreSQL, not migrated: for tests, `supabase` renews it."""
    supabase = LocalSupabase(databases=local_databases)
    try:
        supabase.open()
        yield supabase
    finally:
        supabase.close()


@pytest.fixture
async def supabase(local_supabase: LocalSupabase) -> AsyncIterator[LocalSupabase]:
    """A Supabase for one test: migrated, empty, without faults, no call counted; all of it runs."""
    await local_supabase.renew()
    yield local_supabase
    local_supabase.clear_faults()
    local_supabase.revive()
