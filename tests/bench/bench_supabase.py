"""The Supabase store: rows/s by batch size against supabase-py's bare upsert, in the same run.

    python -m tests.bench.bench_supabase [--rows 50000] [--batches 100,1000,5000]

Both send the same rows, each under a journal id of its own, to the same PostgREST and PostgreSQL on this
machine, into the migrated tables, synced as PostgreSQL does by default. They take turns batch by batch;
figures are of the median batch, the ratio is that of all the time. Of the bare client only the calls are
timed: its dictionaries are ready.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import httpx
import msgspec
from postgrest import ReturnMethod
from supabase import AsyncClient, AsyncClientOptions

from actors.stores import supabase_rows
from actors.stores.base import Row
from actors.stores.supabase import SupabaseStore
from journal.metric import Offset
from tests.bench.bench_store import JOURNAL, batches, realistic
from tests.bench.harness import median, verdict
from tests.supabase.stack import LocalSupabase

TARGET = 0.8
BARE_JOURNAL = "0b8f9a52-3f0e-4a52-9d3c-5f1f7f5f0e12"

Ready = list[dict[str, Any]]


async def bare(client: AsyncClient, batch: Ready) -> None:
    """One batch as supabase-py's documentation would have it."""
    upsert = client.table("metrics").upsert(
        batch,
        returning=ReturnMethod.minimal,
        ignore_duplicates=True,
        on_conflict=supabase_rows.METRICS_KEY,
    )
    await upsert.execute()


async def timed(work: Coroutine[Any, Any, None]) -> float:
    """Seconds that `work` takes."""
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def took(supabase: LocalSupabase, rows: list[Row], size: int) -> tuple[list[float], list[float]]:
    """Seconds of each batch: the bare client's, and the store's with its cursor."""
    store = SupabaseStore(supabase.url, supabase.service_role_key)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        client = AsyncClient(supabase.url, supabase.service_role_key, AsyncClientOptions(httpx_client=http))
        await store.open(JOURNAL)
        stack.push_async_callback(store.close)
        await client.table("metrics").select("name").limit(1).execute()
        bare_times: list[float] = []
        store_times: list[float] = []
        for number, batch in enumerate(batches(rows, size)):
            ready: Ready = msgspec.json.decode(supabase_rows.metrics_json(BARE_JOURNAL, batch))
            turns: list[tuple[list[float], Callable[[], Coroutine[Any, Any, None]]]] = [
                (bare_times, lambda ready=ready: bare(client, ready)),
                (store_times, lambda batch=batch: store.write(batch, Offset(batch[-1].offset + 1))),
            ]
            # Who goes second finds the streams in the cache.
            for times, work in turns if number % 2 else reversed(turns):
                times.append(await timed(work()))
        return bare_times, store_times


async def measure(total: int, sizes: list[int]) -> None:
    """Print the table and the verdict."""
    rows = realistic(0, total)
    best_bare = best_store = 0.0
    async with LocalSupabase.start() as supabase:
        print(f"{total:,} rows each, rows/s of the median batch")
        print(f"{'batch':>6} {'bare client':>12} {'store':>9} {'ratio of all':>13}")
        for size in sizes:
            await supabase.renew()
            bare_times, store_times = await took(supabase, rows, size)
            plain, store = size / median(bare_times), size / median(store_times)
            best_bare, best_store = max(best_bare, plain), max(best_store, store)
            ratio = sum(bare_times) / sum(store_times)
            print(f"{size:>6} {plain:>12,.0f} {store:>9,.0f} {ratio:>13.2f}", flush=True)
    print(verdict("store at its best against the bare client at its best", best_store / best_bare, TARGET))


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=50_000, help="to write, for each figure")
    parser.add_argument("--batches", default="100,1000,5000", help="rows a call")
    asked = parser.parse_args()
    asyncio.run(measure(asked.rows, [int(size) for size in asked.batches.split(",")]))


if __name__ == "__main__":
    main()
