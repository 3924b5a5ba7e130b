"""What a write to Supabase leaves in memory."""

from __future__ import annotations

import gc
import tracemalloc

from actors.stores.supabase import SupabaseStore
from journal.metric import Offset
from tests.actors.stores.supabase_case import store
from tests.contracts.store_rows import plain
from tests.supabase.fixtures import local_databases, local_postgres, local_supabase, supabase

__all__ = ["local_databases", "local_postgres", "local_supabase", "store", "supabase"]

ROWS = 1_000


async def test_a_body_is_let_go_with_its_answer(store: SupabaseStore) -> None:
    """Bodies do not wait for the collection of old objects, which is rare: a backlog would fill memory."""
    await store.write(plain(0, ROWS), Offset(ROWS))
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for at in range(ROWS, 11 * ROWS, ROWS):
            await store.write(plain(at, at + ROWS), Offset(at + ROWS))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert after - before < 500_000, "ten bodies have 3 MB"
