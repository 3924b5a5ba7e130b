"""What the tests of the Supabase store share: stores in a Supabase, and a look behind them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from actors.stores.base import (
    OutageError,
    StoreError,
)
from actors.stores.supabase import SupabaseStore
from journal.metric import Offset
from tests.contracts.store_rows import new_journal, plain
from tests.supabase.stack import LocalSupabase

WITHIN = 3.0
"""Seconds that the stores here give a call; twice that at most, connecting included."""


def store_of(supabase: LocalSupabase, key: str = "", timeout: float = WITHIN) -> SupabaseStore:
    return SupabaseStore(supabase.url, key or supabase.service_role_key, timeout=timeout)


@pytest.fixture
async def store(supabase: LocalSupabase) -> AsyncIterator[SupabaseStore]:
    """Open, with rows 0 to 10."""
    store = store_of(supabase)
    await store.open(new_journal())
    await store.write(plain(0, 10), Offset(10))
    yield store
    await store.close()


def sql(supabase: LocalSupabase, text: str, user: str = "postgres") -> list[str]:
    return supabase.postgres.execute(text, supabase.database, user).splitlines()


def cursors(supabase: LocalSupabase) -> list[str]:
    return sql(supabase, 'select "offset" from cursors')


async def failure(store: SupabaseStore, first: int = 10, until: int = 20) -> StoreError:
    """The error of writing these rows, which must come in bounded time."""
    began = time.monotonic()
    with pytest.raises(StoreError) as raised:
        await store.write(plain(first, until), Offset(until))
    assert time.monotonic() - began < 2 * WITHIN + 10
    return raised.value


async def healed(store: SupabaseStore, seconds: float = 30.0) -> None:
    """Write rows 10 to 20 as soon as that works: PostgREST comes back with a backoff of its own."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            await store.write(plain(10, 20), Offset(20))
        except OutageError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        else:
            return
