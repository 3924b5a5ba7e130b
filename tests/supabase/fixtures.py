"""Fixtures for everyone: one server a test worker, made when first asked for, gone when the worker ends.

Use them from a conftest: `from tests.supabase.fixtures import local_postgres, ...`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.supabase.postgres import Postgres


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
