from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.sql.databases import DAY, HOUR, MINUTE, Connection, Sent, maintain, moment, send
from tests.supabase.postgres import Postgres

MAX_FLOAT = 1.7976931348623157e308
KEYS = ("name", "source", "bucket")
ANY_CASE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

values = st.floats(min_value=-MAX_FLOAT, max_value=MAX_FLOAT) | st.floats(-1e6, 1e6)
times = st.integers(-3 * HOUR, 3 * HOUR) | st.sampled_from([-(2**63), 2**63 - 1, MINUTE, HOUR - 1, -1, 0])
offsets = st.integers(0, 60)
metrics = st.builds(
    Sent,
    offset=offsets,
    value=values,
    time=times,
    name=st.sampled_from(["a", "b"]),
    source=st.sampled_from(["", "x"]),
    session=st.just(""),
    kind=st.just("gauge"),
    unit=st.just("s"),
    journal_id=st.just("journal"),
)
batches = st.lists(st.lists(metrics, max_size=15, unique_by=lambda sent: sent.offset), max_size=6)


def stored(batches: Iterable[Iterable[Sent]]) -> dict[int, Sent]:
    """What is in the table once `batches` have come; an offset has one time in all of them."""
    found: dict[int, Sent] = {}
    for batch in batches:
        for sent in batch:
            found.setdefault(sent.offset, sent)
    return found


def in_one_time(batches: list[list[Sent]]) -> list[list[Sent]]:
    """`batches` where an offset that comes again is the same metric again."""
    first = stored(batches)
    return [[first[sent.offset] for sent in batch] for batch in batches]


def model(sent: Iterable[Sent], width: int) -> dict[tuple[object, ...], list[float]]:
    points: defaultdict[tuple[object, ...], list[float]] = defaultdict(list)
    for one in sent:
        begins = moment(0) + (moment(one.time // width * width) - moment(0))
        points[one.name, one.source, begins].append(one.value)
    return points


async def assert_rolled_up(connection: Connection, sent: Iterable[Sent]) -> None:
    """metrics_1m and metrics_1h are exactly the sums of `sent`."""
    sent = list(sent)
    for table, width in (("metrics_1m", MINUTE), ("metrics_1h", HOUR)):
        rows = await connection.fetch(f"SELECT * FROM {table}")
        expected = model(sent, width)
        assert {tuple(row[key] for key in KEYS) for row in rows} == expected.keys()
        for row in rows:
            values = expected[tuple(row[key] for key in KEYS)]
            assert (row["min"], row["max"], row["count"]) == (min(values), max(values), len(values))
            assert_mean(row["mean"], values)


def assert_mean(mean: float, values: list[float]) -> None:
    assert min(values) <= mean <= max(values)
    scale = max(map(abs, values))
    exact = math.fsum(value / len(values) for value in values)
    assert mean == pytest.approx(exact, rel=1e-9, abs=scale * 1e-12)


async def emptied(connection: Connection) -> None:
    await connection.execute("TRUNCATE metrics, streams, metrics_1m, metrics_1h, forebay.dirty_minutes")


@ANY_CASE
@given(batches=batches, pauses=st.sets(st.integers(0, 5)))
@example(batches=[[Sent(0, MAX_FLOAT), Sent(1, MAX_FLOAT), Sent(2, 5e-324)]], pauses=set())
@example(batches=[[Sent(0, MAX_FLOAT), Sent(1, -MAX_FLOAT), Sent(2, 1.0)]], pauses=set())
@example(batches=[[Sent(0, 5e-324)], [Sent(1, 0.0)]], pauses={0})
@example(batches=[[Sent(at, 2.5e-308) for at in range(5)], [Sent(9, -5e-324)]], pauses={0})
async def test_roll_ups_equal_the_model(
    connection: Connection, batches: list[list[Sent]], pauses: set[int]
) -> None:
    """Late data, repeats and extreme values, rolled up at any moment in between, end as if all had come at
    once."""
    await emptied(connection)
    batches = in_one_time(batches)
    for at, batch in enumerate(batches):
        await send(connection, batch)
        if at in pauses:
            await maintain(connection)
            await assert_rolled_up(connection, stored(batches[: at + 1]).values())
    await maintain(connection)
    await assert_rolled_up(connection, stored(batches).values())


async def test_what_is_not_committed_yet_is_rolled_up_later(
    local_postgres: Postgres, database: str, connection: Connection
) -> None:
    """A metric that is inserted while its minute is rolled up, and committed after, is not forgotten."""
    await send(connection, [Sent(0, 1.0)])
    late = await asyncpg.connect(local_postgres.dsn(database=database))
    try:
        transaction = late.transaction()
        await transaction.start()
        await send(late, [Sent(1, 5.0)])
        await maintain(connection)
        await assert_rolled_up(connection, [Sent(0, 1.0)])
        await transaction.commit()
    finally:
        await late.close()
    await maintain(connection)
    await assert_rolled_up(connection, [Sent(0, 1.0), Sent(1, 5.0)])


async def test_writers_and_maintainers_at_once(
    local_postgres: Postgres, database: str, connection: Connection
) -> None:
    """Four writers, into the same minutes, beside three that roll up without a pause: in the end all is
    there, once."""
    writing = True

    def sent_by(writer: int) -> list[list[Sent]]:
        return [
            [
                Sent(turn * 20 + at, float(at), at * MINUTE // 4, journal_id=f"journal {writer}")
                for at in range(20)
            ]
            for turn in range(25)
        ]

    async def write(writer: int) -> None:
        own = await asyncpg.connect(local_postgres.dsn(database=database))
        for batch in sent_by(writer):
            await send(own, batch)
            await send(own, batch)
        await own.close()

    async def roll_up() -> int:
        own = await asyncpg.connect(local_postgres.dsn(database=database))
        turns = 0
        while writing:
            turns += bool((await own.fetchrow("SELECT * FROM forebay_maintain()"))["ran"])
        await own.close()
        return turns

    rolling = [asyncio.ensure_future(roll_up()) for _ in range(3)]
    try:
        await asyncio.gather(*map(write, range(4)))
    finally:
        writing = False
        turns = await asyncio.gather(*rolling)
    assert sum(turns) > 0
    await maintain(connection)
    everything = [sent for writer in range(4) for batch in sent_by(writer) for sent in batch]
    await assert_rolled_up(connection, everything)
    assert await connection.fetchval("SELECT sum(count) FROM streams") == len(everything)


async def test_one_maintains_and_the_others_return(
    local_postgres: Postgres, database: str, connection: Connection
) -> None:
    """While a call is not committed, a second does nothing, waits for nothing, and says so."""
    other = await asyncpg.connect(local_postgres.dsn(database=database))
    try:
        async with connection.transaction():
            assert (await connection.fetchrow("SELECT * FROM forebay_maintain()"))["ran"]
            assert not (await other.fetchrow("SELECT * FROM forebay_maintain()"))["ran"]
        assert (await other.fetchrow("SELECT * FROM forebay_maintain()"))["ran"]
    finally:
        await other.close()


async def test_an_old_snapshot_is_refused(connection: Connection) -> None:
    """In a repeatable read transaction the work of others would be undone: an error says which is wanted."""
    with pytest.raises(asyncpg.InvalidTransactionStateError, match="read committed"):
        async with connection.transaction(isolation="repeatable_read"):
            await connection.execute("SELECT forebay_maintain()")


async def test_work_is_bounded(connection: Connection) -> None:
    """Notes are taken in shares: what one share leaves is still noted, and the next one takes it."""
    await send(connection, [Sent(at, time=at * MINUTE) for at in range(500)])
    taken = await connection.fetchval("SELECT forebay.roll_up(100)")
    left = await connection.fetchval("SELECT count(*) FROM forebay.dirty_minutes")
    assert (taken, left) == (100, 400)
    await maintain(connection)
    await assert_rolled_up(connection, [Sent(at, time=at * MINUTE) for at in range(500)])


async def test_days_before_the_epoch_are_whole_minutes_too(connection: Connection) -> None:
    """Minutes and hours round down on both sides of 1970."""
    sent = [Sent(at, time=-DAY + at * 7 * MINUTE - 1) for at in range(300)]
    await send(connection, sent)
    await maintain(connection)
    await assert_rolled_up(connection, sent)
