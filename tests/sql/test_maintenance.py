from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from tests.sql.databases import DAY, EPOCH, HOUR, MINUTE, Connection, Sent, maintain, send
from tests.sql.test_rollups import assert_rolled_up
from tests.supabase.postgres import Postgres

PARTITIONS = """
SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'public.metrics'::regclass
  AND inhrelid <> 'forebay.metrics_default'::regclass ORDER BY 1
"""


@pytest.fixture
async def today(connection: Connection) -> date:
    found = await connection.fetchval("SELECT (now() AT TIME ZONE 'UTC')::date")
    assert isinstance(found, date)
    return found


def partition(day: date) -> str:
    return f"forebay.metrics_{day:%Y%m%d}"


def begin(day: date) -> int:
    return int((datetime(day.year, day.month, day.day, tzinfo=UTC) - EPOCH).total_seconds()) * 10**9


def around(today: date, *ahead: int) -> list[str]:
    return [partition(today + timedelta(days=days)) for days in ahead]


async def partitions(connection: Connection) -> list[str]:
    return [row[0] for row in await connection.fetch(PARTITIONS)]


async def accepted(connection: Connection, days_ago: int) -> None:
    """Every metric is `days_ago` old by its acceptance."""
    await connection.execute(
        "UPDATE metrics SET accepted_at = now() - make_interval(days => $1),"
        " accepted_at_ns = accepted_at_ns - $1 * 86400000000000::bigint",
        days_ago,
    )


async def test_days_are_made_ahead(connection: Connection, today: date) -> None:
    """After the migrations there are partitions from yesterday to in three days; a call more adds none."""
    assert await partitions(connection) == around(today, -1, 0, 1, 2, 3)
    assert (await maintain(connection))["days_added"] == 0


async def test_a_day_takes_over_what_the_default_partition_has_of_it(
    connection: Connection, today: date
) -> None:
    """Rows that came before their partition move into it, each once, at both ends of the day, and keep
    their streams."""
    for day in around(today, 1, 2):
        await connection.execute(f"DROP TABLE {day}")
    first, last = begin(today + timedelta(days=1)), begin(today + timedelta(days=3)) - 1
    times = [first - 1, first, first + HOUR, last, last + 1, begin(today + timedelta(days=9))]
    sent = [Sent(at, time=time) for at, time in enumerate(times)]
    await send(connection, sent)
    assert await connection.fetchval("SELECT count(*) FROM forebay.metrics_default") == 4
    done = await maintain(connection)
    assert (done["days_added"], done["rows_moved"]) == (2, 3)
    assert await partitions(connection) == around(today, -1, 0, 1, 2, 3)
    rows = await connection.fetch(
        'SELECT "offset", time_ns, tableoid::regclass::text FROM metrics ORDER BY 1'
    )
    where = around(today, 0, 1, 1, 2, 3)
    assert [tuple(row) for row in rows] == [
        (one.offset, one.time, place)
        for one, place in zip(sent, [*where, "forebay.metrics_default"], strict=True)
    ]
    await assert_rolled_up(connection, sent)
    assert await connection.fetchval("SELECT count FROM streams") == len(sent)


async def test_moved_rows_are_not_taken_again(connection: Connection, today: date) -> None:
    """A repeat after the move finds its row in the new partition."""
    (tomorrow,) = around(today, 1)
    await connection.execute(f"DROP TABLE {tomorrow}")
    sent = [Sent(0, time=begin(today + timedelta(days=1)))]
    await send(connection, sent)
    await maintain(connection)
    await send(connection, sent)
    assert await connection.fetchval("SELECT count(*) FROM metrics") == 1


async def test_partitions_are_made_while_others_write(
    local_postgres: Postgres, database: str, connection: Connection, today: date
) -> None:
    """Days are made and moved into while four writers write to them: nothing fails, nothing is missing."""
    days = around(today, 1, 2, 3)
    for day in days:
        await connection.execute(f"DROP TABLE {day}")

    async def write(writer: int) -> None:
        own = await asyncpg.connect(local_postgres.dsn(database=database))
        for turn in range(40):
            time = begin(today + timedelta(days=1)) + turn * 2 * HOUR
            await send(own, [Sent(turn, time=time, journal_id=f"j{writer}", source=f"s{writer}")])
        await own.close()

    async def make() -> None:
        own = await asyncpg.connect(local_postgres.dsn(database=database))
        while await partitions(own) != around(today, -1, 0, 1, 2, 3):
            await own.execute("SELECT forebay_maintain()")
        await own.close()

    await asyncio.gather(*map(write, range(4)), make())
    await maintain(connection)
    assert await connection.fetchval("SELECT count(*) FROM metrics") == 160
    assert await connection.fetchval("SELECT count(*) FROM forebay.metrics_default") < 160
    assert await connection.fetchval("SELECT sum(count) FROM metrics_1h") == 160


async def test_retention_drops_whole_days_and_keeps_their_roll_ups(
    connection: Connection, today: date
) -> None:
    """Days before keep_days go, with or without a partition; roll-ups and streams stay as they were."""
    old, kept = today - timedelta(days=40), today - timedelta(days=5)
    await connection.execute("SELECT forebay.add_day($1, 0), forebay.add_day($2, 0)", old, kept)
    days = [old, old - timedelta(days=1), kept, today]
    sent = [Sent(at, float(at), begin(day)) for at, day in enumerate(day for day in days for _ in range(3))]
    await send(connection, sent)
    await accepted(connection, 30)
    done = await maintain(connection, keep_days=7)
    assert (done["days_dropped"], done["strays_dropped"]) == (1, 3)
    assert partition(old) not in await partitions(connection)
    assert partition(kept) in await partitions(connection)
    left = await connection.fetch('SELECT "offset" FROM metrics ORDER BY 1')
    assert [row[0] for row in left] == [6, 7, 8, 9, 10, 11]
    await assert_rolled_up(connection, sent)
    assert await connection.fetchval("SELECT count FROM streams") == 12


async def test_what_comes_for_a_dropped_day_joins_its_roll_up(connection: Connection, today: date) -> None:
    """A metric that is later than retention itself is added to what was dropped, once, over any number of
    calls, and stays in it when it is dropped in turn."""
    old = today - timedelta(days=40)
    await connection.execute("SELECT forebay.add_day($1, 0)", old)
    sent = [Sent(at, float(at), begin(old) + at % 3 * MINUTE) for at in range(9)]
    await send(connection, sent[:6])
    await accepted(connection, 30)
    await maintain(connection, keep_days=7)
    assert await connection.fetchval("SELECT count(*) FROM metrics") == 0
    for one in sent[6:]:
        await send(connection, [one])
        await maintain(connection, keep_days=7)
        await maintain(connection, keep_days=7)
    assert await connection.fetchval("SELECT count(*) FROM metrics") == 3
    await assert_rolled_up(connection, sent)
    await accepted(connection, 30)
    assert (await maintain(connection, keep_days=7))["strays_dropped"] == 3
    await assert_rolled_up(connection, sent)
    await send(connection, [Sent(9, 100.0, begin(old))])
    await maintain(connection, keep_days=7)
    await assert_rolled_up(connection, [*sent, Sent(9, 100.0, begin(old))])


async def test_what_was_accepted_lately_is_kept_however_old_its_time_is(
    connection: Connection, today: date
) -> None:
    """A backlog of an outage longer than keep_days is not dropped as it arrives: an audit still finds it."""
    old = today - timedelta(days=40)
    await connection.execute("SELECT forebay.add_day($1, 0)", old)
    await send(connection, [Sent(0, time=begin(old)), Sent(1, time=begin(old - timedelta(days=1)))])
    done = await maintain(connection, keep_days=7)
    assert (done["days_dropped"], done["strays_dropped"]) == (0, 0)
    assert await connection.fetchval("SELECT count(*) FROM metrics") == 2


async def test_a_day_with_a_dirty_minute_is_not_dropped(connection: Connection, today: date) -> None:
    """What is not in the roll-ups yet is not settled."""
    old = today - timedelta(days=40)
    await connection.execute("SELECT forebay.add_day($1, 0)", old)
    await send(connection, [Sent(0, time=begin(old)), Sent(1, time=begin(old - timedelta(days=1)))])
    await accepted(connection, 30)
    kept_from = datetime.now(UTC) - timedelta(days=7)
    assert not await connection.fetchval("SELECT forebay.settle_day($1, $2)", old, kept_from)
    assert await connection.fetchval("SELECT forebay.drop_strays($1, 10)", kept_from) == 0


async def test_a_long_reader_delays_retention_and_nothing_else(
    local_postgres: Postgres, database: str, connection: Connection, today: date
) -> None:
    """While somebody reads the old day, the call returns in its lock time-out, having done the rest; the day
    goes at a later one, and its roll-up is not doubled by the attempt."""
    old = today - timedelta(days=40)
    await connection.execute("SELECT forebay.add_day($1, 0)", old)
    sent = [Sent(0, 3.0, begin(old))]
    await send(connection, sent)
    await accepted(connection, 30)
    reader = await asyncpg.connect(local_postgres.dsn(database=database))
    try:
        async with reader.transaction():
            await reader.fetch("SELECT * FROM metrics")
            done = await maintain(connection, keep_days=7)
            assert (done["ran"], done["days_dropped"]) == (True, 0)
            late = Sent(1, 5.0, begin(old))
            await send(connection, [late])
    finally:
        await reader.close()
    assert (await maintain(connection, keep_days=7))["days_dropped"] == 0
    await assert_rolled_up(connection, [*sent, late])
    await accepted(connection, 30)
    assert (await maintain(connection, keep_days=7))["days_dropped"] == 1
    await assert_rolled_up(connection, [*sent, late])


async def test_default_days_too_full_to_move_stay(connection: Connection, today: date) -> None:
    """A day with more rows than may be moved under a lock is left in the default partition, and told as
    such."""
    (tomorrow,) = around(today, 1)
    await connection.execute(f"DROP TABLE {tomorrow}")
    day = today + timedelta(days=1)
    await send(connection, [Sent(at, time=begin(day) + at) for at in range(11)])
    assert await connection.fetchval("SELECT forebay.add_day($1, 10)", day) is None
    assert await connection.fetchval("SELECT count(*) FROM metrics") == 11
    assert await connection.fetchval("SELECT forebay.add_day($1, 11)", day) == 11


async def test_keeping_less_than_a_day_is_refused(connection: Connection) -> None:
    """0 and less are mistakes, not a wish to lose everything."""
    with pytest.raises(asyncpg.InvalidParameterValueError, match="at least 1"):
        await connection.execute("SELECT forebay_maintain(0)")


async def test_days_are_those_of_utc(connection: Connection) -> None:
    """Whatever time zone the session has, a partition begins at midnight UTC."""
    await connection.execute("SET timezone = 'Pacific/Kiritimati'")
    await connection.execute("SELECT forebay.add_day('2020-01-02', 0)")
    await send(
        connection, [Sent(0, time=begin(date(2020, 1, 2))), Sent(1, time=begin(date(2020, 1, 2)) + DAY - 1)]
    )
    assert await connection.fetchval("SELECT count(*) FROM forebay.metrics_20200102") == 2
