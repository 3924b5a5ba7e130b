"""The Supabase store: rows/s by batch size against supabase-py's bare upsert, in the same run.

    python -m tests.bench.bench_supabase [--rows 50000] [--rounds 3] [--batches 100,1000,5000]

Both send the same rows to the same PostgREST and PostgreSQL on this machine, into the migrated tables of a
database of their own each, synced as PostgreSQL does by default. Rounds alternate, figures are medians. Of
the bare client, only the calls are timed: its dictionaries are ready.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
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


async def bare(supabase: LocalSupabase, rows: list[Row], size: int) -> float:
    """Seconds that supabase-py takes for ready dictionaries, as its own documentation would have it."""
    async with httpx.AsyncClient(timeout=60) as http:
        client = AsyncClient(supabase.url, supabase.service_role_key, AsyncClientOptions(httpx_client=http))
        ready: list[list[dict[str, Any]]] = [
            msgspec.json.decode(supabase_rows.metrics_json(JOURNAL, batch)) for batch in batches(rows, size)
        ]
        await client.table("metrics").select("name").limit(1).execute()
        started = time.perf_counter()
        for batch in ready:
            await (
                client.table("metrics")
                .upsert(
                    batch,
                    returning=ReturnMethod.minimal,
                    ignore_duplicates=True,
                    on_conflict=supabase_rows.METRICS_KEY,
                )
                .execute()
            )
        return time.perf_counter() - started


async def drained(supabase: LocalSupabase, rows: list[Row], size: int) -> float:
    """Seconds that the store takes for `rows`, its cursor included."""
    store = SupabaseStore(supabase.url, supabase.service_role_key)
    await store.open(JOURNAL)
    started = time.perf_counter()
    for batch in batches(rows, size):
        await store.write(batch, Offset(batch[-1].offset + 1))
    took = time.perf_counter() - started
    await store.close()
    return took


async def longest_turn(supabase: LocalSupabase, rows: list[Row], size: int, work: Work) -> float:
    """The longest that the event loop had no turn for others while `work` went on, in seconds."""
    longest = 0.0
    working = asyncio.ensure_future(work(supabase, rows, size))
    while not working.done():
        began = time.perf_counter()
        await asyncio.sleep(0)
        longest = max(longest, time.perf_counter() - began)
    await working
    return longest


Work = Callable[[LocalSupabase, list[Row], int], Awaitable[float]]


async def measure(total: int, sizes: list[int], rounds: int) -> None:
    """Print the table and the verdict."""
    rows = realistic(0, total)
    best_bare = best_store = 0.0
    async with LocalSupabase.start() as supabase:
        print(f"{total:,} rows a round, {rounds} rounds, rows/s")
        print(
            f"{'batch':>6} {'bare client':>12} {'store':>9} {'ratio':>6} {'loop held: bare':>16} {'store':>8}"
        )
        for size in sizes:
            took: dict[Work, list[float]] = {bare: [], drained: []}
            for _ in range(rounds):
                for work, times in took.items():
                    await supabase.renew()
                    times.append(await work(supabase, rows, size))
            held: list[float] = []
            for work in took:
                await supabase.renew()
                held.append(await longest_turn(supabase, rows[: 5 * size], size, work))
            plain, store = total / median(took[bare]), total / median(took[drained])
            best_bare, best_store = max(best_bare, plain), max(best_store, store)
            print(
                f"{size:>6} {plain:>12,.0f} {store:>9,.0f} {store / plain:>6.2f}"
                f" {held[0] * 1e3:>13.1f} ms {held[1] * 1e3:>5.1f} ms",
                flush=True,
            )
    print(verdict("store at its best against the bare client at its best", best_store / best_bare, TARGET))


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=50_000, help="to write, for each figure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", default="100,1000,5000", help="rows a call")
    asked = parser.parse_args()
    asyncio.run(measure(asked.rows, [int(size) for size in asked.batches.split(",")], asked.rounds))


if __name__ == "__main__":
    main()
