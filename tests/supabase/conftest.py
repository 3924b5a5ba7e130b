from __future__ import annotations

import pytest

from tests.supabase.fixtures import local_database, local_postgres, local_supabase, supabase

__all__ = ["anyio_backend", "local_database", "local_postgres", "local_supabase", "supabase"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
