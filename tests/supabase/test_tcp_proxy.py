from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from tests.supabase.client import NUMBERS, stored
from tests.supabase.faults import (
    BlackHole,
    Delay,
    ResetAfterCommit,
    ResetBefore,
    ResetMidRequest,
    Throttle,
    TooManyRequests,
    Unavailable,
)
from tests.supabase.stack import LocalSupabase

GONE = (ConnectionError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)
INSERT = "insert into numbers values ($1)"


class Way:
    """A database of its own with an empty table, and the way to it through the proxy."""

    def __init__(self, supabase: LocalSupabase, database: str) -> None:
        self.supabase = supabase
        self.faults = supabase.db_faults
        self.database = database
        self.url = supabase.postgres.dsn(database=database, port=supabase.db_proxy.port)
        supabase.postgres.execute(NUMBERS, database, "postgres")

    def stored(self) -> list[int]:
        return stored(self.supabase, self.database)


@pytest.fixture
def way(local_supabase: LocalSupabase, local_database: str) -> Iterator[Way]:
    """Without faults, and nothing counted."""
    local_supabase.db_faults.forget()
    yield Way(local_supabase, local_database)
    local_supabase.clear_faults()
    local_supabase.revive()


@pytest.fixture
async def connection(way: Way) -> AsyncIterator[asyncpg.Connection]:
    """A connection through the proxy."""
    connection = await asyncpg.connect(way.url)
    yield connection
    connection.terminate()


async def test_without_faults_everything_passes(way: Way, connection: asyncpg.Connection) -> None:
    """COPY in and a large result out pass the proxy whole, and the connection is counted."""
    await connection.copy_records_to_table("numbers", records=[(n,) for n in range(100_000)])
    assert len(await connection.fetch("select n from numbers")) == 100_000
    assert way.faults.counts() == {("CONNECT", "", "passed"): 1}


async def test_a_server_that_takes_nobody_says_so(way: Way) -> None:
    """57P03 and 53300 come at connecting, each for as many connections as told."""
    way.faults.add(Unavailable(), times=1)
    way.faults.add(TooManyRequests(), times=1)
    with pytest.raises(asyncpg.CannotConnectNowError):
        await asyncpg.connect(way.url)
    with pytest.raises(asyncpg.TooManyConnectionsError):
        await asyncpg.connect(way.url)
    await (await asyncpg.connect(way.url)).close()
    assert [call.done for call in way.faults.calls()] == [
        "unavailable",
        "too-many-requests",
        "passed",
    ]


async def test_a_black_hole_swallows_old_and_new_connections(
    way: Way, connection: asyncpg.Connection
) -> None:
    """In a black hole neither an open connection nor a new one gets an answer, and nothing is stored."""
    with way.faults.during(BlackHole()):
        with pytest.raises(TimeoutError):
            await connection.execute(INSERT, 1, timeout=0.2)
        with pytest.raises(TimeoutError):
            await asyncpg.connect(way.url, timeout=0.2)
    assert way.stored() == []


async def test_who_waits_in_a_black_hole_is_reset_when_it_closes(
    way: Way, connection: asyncpg.Connection
) -> None:
    """When the fault is lifted a client without a time-out does not wait for ever."""
    way.faults.set(BlackHole())
    waiting = asyncio.ensure_future(connection.execute(INSERT, 1))
    async with asyncio.timeout(60):
        while not way.faults.count(done="black-hole"):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    way.faults.clear()
    with pytest.raises(GONE):
        await waiting


async def test_a_reset_before_anything_is_sent(way: Way, connection: asyncpg.Connection) -> None:
    """The next thing that a client does is answered with a reset, once; nothing is stored."""
    way.faults.set(ResetBefore(), times=1)
    with pytest.raises(GONE):
        await connection.execute(INSERT, 1)
    again = await asyncpg.connect(way.url)
    await again.execute(INSERT, 2)
    await again.close()
    assert way.stored() == [2]


async def test_a_reset_in_the_middle_of_a_copy(way: Way, connection: asyncpg.Connection) -> None:
    """A copy that is cut after so many bytes leaves nothing."""
    way.faults.set(ResetMidRequest(after=50_000), times=1)
    with pytest.raises(GONE):
        await connection.copy_records_to_table("numbers", records=[(n,) for n in range(100_000)])
    assert way.stored() == []


async def test_a_reset_after_the_commit(way: Way, connection: asyncpg.Connection) -> None:
    """In the ambiguous case the client sees a broken connection, and the transaction has committed."""
    way.faults.set(ResetAfterCommit(), times=1)
    with pytest.raises(GONE):
        async with connection.transaction():
            await connection.execute(INSERT, 1)
    assert way.stored() == [1]


async def test_a_delay_delays(way: Way, connection: asyncpg.Connection) -> None:
    """What a client sends arrives so much later."""
    way.faults.set(Delay(0.2))
    start = time.monotonic()
    await connection.execute(f"insert into numbers values ({1})")
    assert time.monotonic() - start >= 0.2


async def test_a_throttled_connection_takes_so_many_rows_a_second(
    way: Way, connection: asyncpg.Connection
) -> None:
    """A copy takes about rows / rate seconds; lifted, the rest goes at once."""
    records = [(n,) for n in range(1_000)]
    way.faults.set(Throttle(rows_per_second=2_000, row_bytes=10))
    start = time.monotonic()
    await connection.copy_records_to_table("numbers", records=records)
    assert time.monotonic() - start >= 0.3
    way.faults.set(Throttle(rows_per_second=1, row_bytes=10))
    slow = asyncio.ensure_future(
        connection.copy_records_to_table("numbers", records=[(-1 - n,) for (n,) in records])
    )
    await asyncio.wait([slow], timeout=0.2)
    assert not slow.done()
    way.faults.clear()
    async with asyncio.timeout(60):
        await slow


async def test_a_stopped_proxy_refuses_connections(way: Way) -> None:
    """With the proxy stopped nobody listens; started again it is on the same port."""
    way.supabase.stop_db_proxy()
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(way.url)
    way.supabase.start_db_proxy()
    await (await asyncpg.connect(way.url)).close()
