"""Fixtures for everyone: one server a test worker, made when first asked for, gone when the worker ends.

Use them from a conftest: `from tests.supabase.fixtures import local_postgres, ...`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.supabase.postgres import Postgres
from tests.supabase.stack import LocalSupabase


@pytest.fixture(scope="session")
def local_postgres() -> Iterator[Postgres]:
    """A running PostgreSQL with the roles of Supabase and no tables; tests make their own databases."""
    with Postgres(fsync=False) as postgres:
        yield postgres


@pytest.fixture
def local_database(local_postgres: Postgres) -> Iterator[str]:
    """The name of an empty database for one test."""
    name = local_postgres.create_database()
    yield name
    local_postgres.drop_database(name)


@pytest.fixture(scope="session")
def local_supabase() -> Iterator[LocalSupabase]:
    """A running Supabase, not migrated; use `supabase`, unless a database is shared on purpose."""
    supabase = LocalSupabase(fsync=False)
    try:
        supabase.open()
        yield supabase
    finally:
        supabase.close()


@pytest.fixture
async def supabase(local_supabase: LocalSupabase) -> AsyncIterator[LocalSupabase]:
    """A Supabase for one test: migrated, empty, without faults, with no call counted yet."""
    await local_supabase.renew()
    yield local_supabase
    local_supabase.clear_faults()
