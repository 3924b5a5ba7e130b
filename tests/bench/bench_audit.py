"""`forebay audit`: metrics/s, row by row and by offset alone, against SQLite and PostgreSQL.

    python -m tests.bench.bench_audit [--metrics 500000] [--rounds 3]

Beside it, in the same rounds, what it cannot do without: decoding the journal's metrics, and reading the
store's rows. Half of the metrics have a time of their own, a fifth has attributes; 100 to a record.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable

from actors.audit import audit
from actors.core.rows import rows_of
from actors.stores.base import HistoryStore, Row
from actors.stores.postgres import PostgresStore
from actors.stores.sqlite import SqliteStore
from journal.committer import Options
from journal.events import pack_metrics
from journal.log import Journal
from journal.metric import Metric, Offset
from journal.reader import journal_id_of, reading
from tests.bench import harness
from tests.supabase.databases import Databases
from tests.supabase.postgres import Postgres

PER_RECORD = 100
LAST = Offset(2**62)


def some(chance: random.Random) -> list[Metric]:
    return [
        Metric(
            f"gpu.{chance.randrange(20)}.util",
            chance.random() * 100,
            None if chance.random() < 0.5 else 1_700_000_000_000_000_000 + chance.randrange(10**12),
            unit="%",
            source=f"worker-{chance.randrange(8)}",
            session="s1",
            attributes={"rack": "a", "slot": 3} if chance.random() < 0.2 else {},
        )
        for _ in range(PER_RECORD)
    ]


async def filled(directory: str, count: int) -> str:
    """A journal of `count` metrics; its id."""
    journal = await Journal.open(directory, options=Options())
    chance = random.Random(1)
    for _ in range(0, count, PER_RECORD * 100):
        await journal.prepare()
        await asyncio.gather(*(journal.append([pack_metrics(some(chance))]) for _ in range(100)))
    await journal.close()
    return str(journal.id)


async def given(directory: str, journal_id: str, store: HistoryStore) -> None:
    await store.open(journal_id)
    rows: list[Row] = []
    async with reading(directory, Offset(0)) as reader:
        while records := await reader.read():
            rows += [row for record in records for row in rows_of(record, Offset(0))]
            while len(rows) >= store.batch.most:
                await store.write(rows[: store.batch.most], Offset(rows[store.batch.most].offset))
                rows = rows[store.batch.most :]
        await store.write(rows, reader.next_offset)
    await store.close()


async def decoded(directory: str) -> None:
    async with reading(directory, Offset(0)) as reader:
        while records := await reader.read():
            for record in records:
                rows_of(record, Offset(0))


async def rows_read(directory: str, store: HistoryStore) -> None:
    await store.look(journal_id_of(directory))
    async for _ in store.rows(Offset(0), LAST):
        pass


async def measure(count: int, rounds: int, directory: str, stores: list[HistoryStore]) -> None:
    tasks: dict[str, Callable[[], Awaitable[object]]] = {"decode the journal": lambda: decoded(directory)}
    for store in stores:
        name = store.name
        tasks[f"{name}: read rows"] = lambda store=store: rows_read(directory, store)
        for quick in (False, True):
            tasks[f"{name}: audit{' --quick' if quick else ''}"] = lambda store=store, quick=quick: audit(
                directory, directory + "-none", [store], quick=quick
            )
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            began = time.perf_counter()
            await task()
            seconds[name].append(time.perf_counter() - began)
            for store in stores:
                await store.close()
    for name, taken in seconds.items():
        print(f"{name:<28} {count / statistics.median(taken):>12,.0f} metrics/s")


async def main(count: int, rounds: int) -> None:
    with harness.scratch() as home, Postgres() as postgres:
        directory = os.path.join(home, "journal")
        journal_id = await filled(directory, count)
        databases = Databases(postgres)
        stores: list[HistoryStore] = [
            SqliteStore(os.path.join(home, "forebay.db")),
            PostgresStore(postgres.dsn(database=await databases.fresh()), "postgresql"),
        ]
        for store in stores:
            await given(directory, journal_id, store)
        await measure(count, rounds, directory, stores)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--metrics", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    asyncio.run(main(args.metrics, args.rounds))
