"""The SQLite store: rows/s by batch size against a bare `executemany`, with an idle and a busy event loop,
and how long a series takes over many rows.

    python -m tests.bench.bench_store [--rows 1000000] [--query-rows 5000000] [--batches 1000,5000,...]

Rows: 10 sources with attributes, 100 names each, times in order. "Busy" runs pure Python on the event loop
in turns of 2 ms for as long as the store drains, as ingest under full load would.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from actors.stores import sqlite, sqlite_rows, sqlite_tables
from actors.stores.base import Row
from actors.stores.sqlite import SqliteStore
from journal.metric import Metric, Offset
from sql import migrations
from web.ports import SeriesQuery

JOURNAL = "0b8f9a52-3f0e-4a52-9d3c-5f1f7f5f0e11"
T0 = 1_750_000_000_000_000_000
SPACING = 10_000
"""Nanoseconds between two metrics: 100,000 a second."""


def realistic(first: int, until: int) -> list[Row]:
    """Rows of `[first, until)`."""
    draw = random.Random(first)
    rows: list[Row] = []
    for at in range(first, until):
        source = at % 10
        metric = Metric(
            name=f"system.cpu.metric_{at // 10 % 100:03}",
            value=draw.random() * 100,
            time=T0 + at * SPACING,
            unit="percent",
            source=f"source-{source}",
            session=f"session-{source}",
            attributes={"host": f"host-{source}", "region": "eu-west-1", "core": source},
        )
        rows.append(Row(Offset(at), T0 + at * SPACING, metric))
    return rows


def batches(rows: list[Row], size: int) -> Iterator[list[Row]]:
    """`rows` in batches of `size`."""
    return (rows[at : at + size] for at in range(0, len(rows), size))


def bare(path: str, rows: list[Row], size: int) -> float:
    """Seconds that a bare executemany of ready tuples takes, in the same tables, synced as the store does."""
    connection = sqlite_tables.connect_for_writing(path)
    sqlite_tables.migrate(connection, "bare", path, migrations("sqlite"))
    flat, width = sqlite_rows.batch(rows).metrics, sqlite_rows.METRICS.width
    tuples = [(JOURNAL, *flat[at : at + width]) for at in range(0, len(flat), width)]
    started = time.perf_counter()
    for at in range(0, len(tuples), size):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT OR IGNORE INTO metrics VALUES (?,?,?,?,?,?,?,?,?,?,?)", tuples[at : at + size]
        )
        connection.execute("COMMIT")
    took = time.perf_counter() - started
    connection.close()
    return took


async def drain(path: str, rows: list[Row], size: int) -> float:
    """Seconds that the store takes for `rows`."""
    store = SqliteStore(path)
    await store.open(JOURNAL)
    started = time.perf_counter()
    for batch in batches(rows, size):
        await store.write(batch, Offset(batch[-1].offset + 1))
    took = time.perf_counter() - started
    await store.close()
    return took


async def drain_busy(path: str, rows: list[Row], size: int) -> float:
    """As `drain`, while the event loop has other work all the time."""
    draining = asyncio.ensure_future(drain(path, rows, size))
    while not draining.done():
        until = time.perf_counter() + 0.002
        while time.perf_counter() < until:
            pass
        await asyncio.sleep(0)
    return await draining


def in_new_database(directory: str, work: Callable[[str], float]) -> float:
    """What `work` returns for a path where no database is yet."""
    with tempfile.TemporaryDirectory(dir=directory) as place:
        return work(os.path.join(place, "bench.db"))


def write_rates(directory: str, rows: list[Row], sizes: list[int]) -> None:
    """Print rows/s by batch size."""
    print(f"{len(rows):,} rows, rows/s; switch interval {sys.getswitchinterval() * 1e3:g} ms")
    print(f"{'batch':>7} {'executemany':>12} {'store':>9} {'ratio':>6} {'store, busy loop':>17}")
    for size in sizes:
        plain = in_new_database(directory, lambda path, size=size: bare(path, rows, size))
        idle = in_new_database(directory, lambda path, size=size: asyncio.run(drain(path, rows, size)))
        busy = in_new_database(directory, lambda path, size=size: asyncio.run(drain_busy(path, rows, size)))
        n = len(rows)
        print(
            f"{size:>7} {n / plain:>12,.0f} {n / idle:>9,.0f} {plain / idle:>6.2f} {n / busy:>17,.0f}",
            flush=True,
        )


async def query_times(path: str, total: int) -> None:
    """Fill a store with `total` rows and print how long questions take."""
    store = SqliteStore(path)
    await store.open(JOURNAL)
    for first in range(0, total, 200_000):
        for batch in batches(realistic(first, min(first + 200_000, total)), sqlite.BEST_BATCH):
            await store.write(batch, Offset(batch[-1].offset + 1))
    print(f"{total:,} rows")
    span = total * SPACING
    one_attribute = (("core", "3"),)
    for label, share, filters in (
        ("series, 1 % of the time, all sources", 0.01, (None,)),
        ("series, 10 %", 0.1, (None,)),
        ("series, all of the time", 1.0, (None,)),
        ("series, all of the time, one source", 1.0, ("source-3",)),
        ("series, all of the time, one session", 1.0, (None, "session-3")),
        ("series, all of the time, one attribute", 1.0, (None, None, one_attribute)),
    ):
        start = T0 + int(span * (1 - share))
        step = max(1, int(span * share) // 300)
        times: list[float] = []
        for at in range(7):
            name = f"system.cpu.metric_{at * 13:03}"
            started = time.perf_counter()
            found = await store.series(SeriesQuery(name, start, T0 + span, step, *filters))
            times.append(time.perf_counter() - started)
        read = sum(point.count for series in found for point in series.points)
        print(f"{label}: {statistics.median(times) * 1e3:.1f} ms ({read:,} metrics read)")
    name = "system.cpu.metric_000"
    for label, ask in (
        ("names", store.names),
        ("sessions", store.sessions),
        ("attributes of a name", lambda: store.attributes(name)),
    ):
        started = time.perf_counter()
        await ask()
        print(f"{label}: {(time.perf_counter() - started) * 1e3:.1f} ms")
    await store.close()


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="to write, for each figure")
    parser.add_argument(
        "--query-rows", type=int, default=5_000_000, help="to ask questions of; 0 leaves it out"
    )
    parser.add_argument("--batches", default="1000,2000,5000,10000,20000", help="rows a transaction")
    parser.add_argument("--switch-interval", type=float, help="sys.setswitchinterval, in milliseconds")
    parser.add_argument("--directory", help="where the databases are made")
    asked = parser.parse_args()
    if asked.switch_interval:
        sys.setswitchinterval(asked.switch_interval / 1e3)
    if asked.rows:
        sizes = [int(size) for size in asked.batches.split(",")]
        write_rates(asked.directory, realistic(0, asked.rows), sizes)
    if asked.query_rows:
        with tempfile.TemporaryDirectory(dir=asked.directory) as place:
            asyncio.run(query_times(os.path.join(place, "bench.db"), asked.query_rows))


if __name__ == "__main__":
    main()
