"""What a store's bare client reaches, by batch size: a program of its own, as Forebay is.

    python -m tests.bench.bare upsert URL KEY ROWS | staging DSN ROWS | copy DSN ROWS

Prints rows/s by batch size as one line of JSON. Rows are ready before the clock starts: dictionaries for
supabase-py, tuples for asyncpg; each call commits. They belong to a journal of their own, so nothing repeats.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
from postgrest import ReturnMethod
from supabase import AsyncClient, AsyncClientOptions

from actors.stores import supabase_rows
from actors.stores.base import Row
from actors.stores.postgres_rows import COPIED, timestamp
from journal.metric import Metric, Offset
from tests.bench import harness

SIZES = (500, 1_000, 2_000, 5_000, 10_000)
COLUMNS = [column.strip(' "') for column in COPIED.split(",")]
MERGE = (
    f"insert into metrics ({COPIED}) select {COPIED} from staging"
    ' on conflict (journal_id, "offset", "time") do nothing'
)

Send = Callable[[Any], Awaitable[object]]


def rows(count: int, first: int) -> list[Row]:
    """`count` metrics as the benchmark posts them, accepted one after the other."""
    some, now = msgspec.convert(harness.metrics(1_000), list[Metric]), time.time_ns()
    return [
        Row(Offset(at), now + at, msgspec.structs.replace(some[at % 1_000], time=None))
        for at in range(first, first + count)
    ]


def sliced(some: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (some[at : at + size] for at in range(0, len(some), size))


def record(journal_id: str, row: Row) -> tuple[object, ...]:
    """`row` as asyncpg's COPY wants it."""
    at, metric = row.accepted_at, row.metric
    texts = (metric.name, metric.kind, metric.unit, metric.source, metric.session, journal_id)
    attributes = json.dumps(metric.attributes)
    return (row.offset, timestamp(at), at, timestamp(at), at, metric.value, attributes, *texts)


async def upsert(url: str, key: str, total: int) -> dict[int, float]:
    """Of supabase-py's upsert, ignoring duplicates."""
    async with httpx.AsyncClient(timeout=60) as http:
        client = AsyncClient(url, key, AsyncClientOptions(httpx_client=http))

        async def send(batch: list[dict[str, Any]]) -> None:
            table = client.table("metrics")
            own = supabase_rows.METRICS_KEY
            minimal = ReturnMethod.minimal
            await table.upsert(batch, returning=minimal, ignore_duplicates=True, on_conflict=own).execute()

        def ready(journal_id: str, some: list[Row]) -> list[dict[str, Any]]:
            return msgspec.json.decode(supabase_rows.metrics_json(journal_id, some))

        return await by_size(total, ready, send)


async def through_staging(dsn: str, total: int) -> dict[int, float]:
    """Of COPY into a staging table and insert on conflict do nothing, in one transaction."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("create temp table staging (like metrics) on commit delete rows")

    async def send(batch: list[tuple[object, ...]]) -> None:
        async with connection.transaction():
            await connection.copy_records_to_table("staging", columns=COLUMNS, records=batch)
            await connection.execute(MERGE)

    found = await by_size(total, records, send)
    await connection.close()
    return found


async def copy(dsn: str, total: int) -> dict[int, float]:
    """Of COPY alone: a repeat would be an error, and no cursor is kept."""
    connection = await asyncpg.connect(dsn)

    async def send(batch: list[tuple[object, ...]]) -> None:
        await connection.copy_records_to_table("metrics", columns=COLUMNS, records=batch)

    found = await by_size(total, records, send)
    await connection.close()
    return found


def records(journal_id: str, some: list[Row]) -> list[tuple[object, ...]]:
    return [record(journal_id, row) for row in some]


async def by_size(
    total: int, ready: Callable[[str, list[Row]], Sequence[Any]], send: Send
) -> dict[int, float]:
    """Rows/s by batch size, `total` rows each."""
    found: dict[int, float] = {}
    for size in SIZES:
        batches = list(sliced(ready(f"bare-{uuid4()}", rows(total, 0)), size))
        await send(batches.pop())
        count = sum(map(len, batches))
        began = time.perf_counter()
        for batch in batches:
            await send(batch)
        found[size] = count / (time.perf_counter() - began)
    return found


def main(way: str, *arguments: str) -> None:
    """Measure, and print."""
    *address, total = arguments
    ways: dict[str, Callable[..., Any]] = {"upsert": upsert, "staging": through_staging, "copy": copy}
    print(json.dumps(asyncio.run(ways[way](*address, int(total)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
