"""The native PostgreSQL store: rows/s of its `write` against bare asyncpg, by batch size.

    python -m tests.bench.bench_postgres [--rounds 5] [--batches 100,1000,5000,16384] [--delay 0]

Against a PostgreSQL of its own (synced), in alternating rounds, into one and the same migrated database:

    copy      copy_records_to_table of ready tuples into metrics: no repeat would be noticed, no cursor kept
    staging   the same into a staging table, then insert on conflict do nothing, in one transaction
    store     PostgresStore.write: rows checked, encoded, stored once, with their cursor
    repeat    the same rows from another store, as a replay would: all of them are there

Ratios are of medians within the run. `--delay` adds so many milliseconds to each way of the network.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable

import asyncpg
import msgspec

from actors.stores.base import Row
from actors.stores.postgres import PostgresStore
from actors.stores.postgres_rows import COPIED, timestamp
from journal.metric import Offset
from tests.bench.bench_store import JOURNAL, realistic
from tests.bench.harness import verdict
from tests.supabase.databases import Databases
from tests.supabase.faults import Delay, Faults
from tests.supabase.postgres import Postgres
from tests.supabase.tcp_proxy import TcpProxy

COLUMNS = [column.strip(' "') for column in COPIED.split(",")]
TARGET = 0.8
"""Of the bare client's rows/s at its best batch size (issue 3, "Long outage")."""

_encode = msgspec.json.Encoder().encode


def record(row: Row) -> tuple[object, ...]:
    """`row` as asyncpg's COPY wants it."""
    offset, accepted_at, metric = row
    assert metric.time is not None
    return (
        *(offset, timestamp(metric.time), metric.time, timestamp(accepted_at), accepted_at, metric.value),
        *(_encode(metric.attributes).decode(), metric.name, metric.kind, metric.unit, metric.source),
        *(metric.session, JOURNAL),
    )


class Bench:
    """Batches of new rows, and how long each way to store them takes."""

    def __init__(self, connection: asyncpg.Connection, store: PostgresStore, again: PostgresStore) -> None:
        self._connection = connection
        self._store = store
        self._again = again
        self._next = itertools.count()
        self._last: list[Row] = []

    def rows(self, size: int) -> list[Row]:
        """`size` rows that are nowhere yet."""
        first = next(self._next) * 100_000
        self._last = realistic(first, first + size)
        return self._last

    async def copy(self, size: int) -> float:
        """Seconds for bare COPY."""
        records = list(map(record, self.rows(size)))
        return await timed(
            lambda: self._connection.copy_records_to_table("metrics", columns=COLUMNS, records=records)
        )

    async def staging(self, size: int) -> float:
        """Seconds for bare COPY, staging and insert."""
        records = list(map(record, self.rows(size)))

        async def work() -> None:
            async with self._connection.transaction():
                await self._connection.copy_records_to_table("staging", columns=COLUMNS, records=records)
                await self._connection.execute(
                    f"insert into metrics ({COPIED}) select {COPIED} from staging"
                    ' on conflict (journal_id, "offset", "time") do nothing'
                )

        return await timed(work)

    async def store(self, size: int) -> float:
        """Seconds for the store."""
        rows = self.rows(size)
        return await timed(lambda: self._store.write(rows, Offset(rows[-1].offset + 1)))

    async def repeat(self, size: int) -> float:
        """Seconds for a store that replays what another has just stored: it stages them."""
        rows = self._last[:size]
        return await timed(lambda: self._again.write(rows, Offset(rows[-1].offset + 1)))


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Seconds that `work` takes."""
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def measure(bench: Bench, sizes: list[int], rounds: int) -> None:
    """Print rows/s by batch size, and the verdict."""
    ways = {"copy": bench.copy, "staging": bench.staging, "store": bench.store, "repeat": bench.repeat}
    print(f"{'batch':>7}" + "".join(f"{name:>10}" for name in ways) + f"{'/ copy':>9}{'/ staging':>10}")
    best: dict[str, float] = dict.fromkeys(ways, 0.0)
    for size in sizes:
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds if size > 2_000 else rounds * 4):
            for name, way in ways.items():
                times[name].append(await way(size))
        rates = {name: size / statistics.median(of) for name, of in times.items()}
        best = {name: max(best[name], rate) for name, rate in rates.items()}
        print(
            f"{size:>7}" + "".join(f"{rate:>10,.0f}" for rate in rates.values())
            + f"{rates['store'] / rates['copy']:>9.2f}{rates['store'] / rates['staging']:>10.2f}",
            flush=True,
        )  # fmt: skip
    print(verdict("store against copy, each at its best size", best["store"] / best["copy"], TARGET))
    print(verdict("store against staging, each at its best size", best["store"] / best["staging"], TARGET))


async def run(sizes: list[int], rounds: int, delay: float) -> None:
    """Start a server, measure, and stop it."""
    faults = Faults()
    async with contextlib.AsyncExitStack() as stack:
        postgres = stack.enter_context(Postgres(data=None, fsync=True))
        database = await Databases(postgres).fresh()
        proxy = TcpProxy(postgres.port, faults)
        await proxy.start()
        stack.push_async_callback(proxy.stop)
        dsn = postgres.dsn(database=database, port=proxy.port if delay else 0)
        connection = await asyncpg.connect(dsn)
        stack.push_async_callback(connection.close)
        stores = PostgresStore(dsn, "postgres"), PostgresStore(dsn, "again")
        for store in stores:
            await store.open(JOURNAL)
            stack.push_async_callback(store.close)
        await connection.execute("create temp table staging (like metrics) on commit delete rows")
        if delay:
            faults.add(Delay(delay / 1000))
        await measure(Bench(connection, *stores), sizes, rounds)
        rows, streams = await connection.fetchrow(
            "select (select count(*) from metrics), (select sum(count) from streams)"
        )
        print(f"{rows:,} rows, {streams:,} counted")


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="of each batch size; four times as many of small ones"
    )
    parser.add_argument("--batches", default="100,1000,5000,16384", help="rows a transaction")
    parser.add_argument("--delay", type=float, default=0.0, help="milliseconds added to what a client sends")
    asked = parser.parse_args()
    asyncio.run(run([int(size) for size in asked.batches.split(",")], asked.rounds, asked.delay))


if __name__ == "__main__":
    main()
