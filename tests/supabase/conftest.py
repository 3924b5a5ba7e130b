from __future__ import annotations

import pytest

from tests.supabase.fixtures import (
    local_database,
    local_databases,
    local_postgres,
    local_supabase,
    migrated_database,
    supabase,
)

__all__ = [
    "anyio_backend",
    "local_database",
    "local_databases",
    "local_postgres",
    "local_supabase",
    "migrated_database",
    "supabase",
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
