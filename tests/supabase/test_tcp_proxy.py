from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

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


@pytest.fixture
async def connection(supabase: LocalSupabase) -> AsyncIterator[asyncpg.Connection]:
    """A connection through the proxy to a database with an empty table."""
    supabase.postgres.execute(NUMBERS, supabase.database, "postgres")
    connection = await asyncpg.connect(supabase.proxied_db_url)
    yield connection
    connection.terminate()


async def test_without_faults_everything_passes(
    supabase: LocalSupabase, connection: asyncpg.Connection
) -> None:
    """COPY in and a large result out pass the proxy whole, and the connection is counted."""
    await connection.copy_records_to_table("numbers", records=[(n,) for n in range(100_000)])
    assert len(await connection.fetch("select n from numbers")) == 100_000
    assert supabase.db_faults.counts() == {("CONNECT", "", "passed"): 1}


async def test_a_server_that_takes_nobody_says_so(supabase: LocalSupabase) -> None:
    """57P03 and 53300 come at connecting, each for as many connections as told."""
    supabase.db_faults.add(Unavailable(), times=1)
    supabase.db_faults.add(TooManyRequests(), times=1)
    with pytest.raises(asyncpg.CannotConnectNowError):
        await asyncpg.connect(supabase.proxied_db_url)
    with pytest.raises(asyncpg.TooManyConnectionsError):
        await asyncpg.connect(supabase.proxied_db_url)
    await (await asyncpg.connect(supabase.proxied_db_url)).close()
    assert [call.done for call in supabase.db_faults.calls()] == [
        "unavailable",
        "too-many-requests",
        "passed",
    ]


async def test_a_black_hole_swallows_old_and_new_connections(
    supabase: LocalSupabase, connection: asyncpg.Connection
) -> None:
    """In a black hole neither an open connection nor a new one gets an answer, and nothing is stored."""
    with supabase.db_faults.during(BlackHole()):
        with pytest.raises(TimeoutError):
            await connection.execute(INSERT, 1, timeout=0.2)
        with pytest.raises(TimeoutError):
            await asyncpg.connect(supabase.proxied_db_url, timeout=0.2)
    assert stored(supabase) == []


async def test_who_waits_in_a_black_hole_is_reset_when_it_closes(
    supabase: LocalSupabase, connection: asyncpg.Connection
) -> None:
    """When the fault is lifted a client without a time-out does not wait for ever."""
    supabase.db_faults.set(BlackHole())
    waiting = asyncio.ensure_future(connection.execute(INSERT, 1))
    async with asyncio.timeout(10):
        while not supabase.db_faults.count(done="black-hole"):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    supabase.clear_faults()
    with pytest.raises(GONE):
        await waiting


async def test_a_reset_before_anything_is_sent(
    supabase: LocalSupabase, connection: asyncpg.Connection
) -> None:
    """The next thing that a client does is answered with a reset, once; nothing is stored."""
    supabase.db_faults.set(ResetBefore(), times=1)
    with pytest.raises(GONE):
        await connection.execute(INSERT, 1)
    again = await asyncpg.connect(supabase.proxied_db_url)
    await again.execute(INSERT, 2)
    await again.close()
    assert stored(supabase) == [2]


async def test_a_reset_in_the_middle_of_a_copy(
    supabase: LocalSupabase, connection: asyncpg.Connection
) -> None:
    """A copy that is cut after so many bytes leaves nothing."""
    supabase.db_faults.set(ResetMidRequest(after=50_000), times=1)
    with pytest.raises(GONE):
        await connection.copy_records_to_table("numbers", records=[(n,) for n in range(100_000)])
    assert stored(supabase) == []


async def test_a_reset_after_the_commit(supabase: LocalSupabase, connection: asyncpg.Connection) -> None:
    """In the ambiguous case the client sees a broken connection, and the transaction has committed."""
    supabase.db_faults.set(ResetAfterCommit(), times=1)
    with pytest.raises(GONE):
        async with connection.transaction():
            await connection.execute(INSERT, 1)
    assert stored(supabase) == [1]


async def test_a_delay_delays(supabase: LocalSupabase, connection: asyncpg.Connection) -> None:
    """What a client sends arrives so much later."""
    supabase.db_faults.set(Delay(0.2))
    start = time.monotonic()
    await connection.execute(f"insert into numbers values ({1})")
    assert time.monotonic() - start >= 0.2


async def test_a_throttled_connection_takes_so_many_rows_a_second(
    supabase: LocalSupabase, connection: asyncpg.Connection
) -> None:
    """A copy takes about rows / rate seconds; lifted, the rest goes at once."""
    records = [(n,) for n in range(1_000)]
    supabase.db_faults.set(Throttle(rows_per_second=2_000, row_bytes=10))
    start = time.monotonic()
    await connection.copy_records_to_table("numbers", records=records)
    assert time.monotonic() - start >= 0.3
    supabase.db_faults.set(Throttle(rows_per_second=1, row_bytes=10))
    slow = asyncio.ensure_future(
        connection.copy_records_to_table("numbers", records=[(-1 - n,) for (n,) in records])
    )
    await asyncio.wait([slow], timeout=0.2)
    assert not slow.done()
    supabase.clear_faults()
    async with asyncio.timeout(10):
        await slow


async def test_a_stopped_proxy_refuses_connections(supabase: LocalSupabase) -> None:
    """With the proxy stopped nobody listens; started again it is on the same port."""
    supabase.stop_db_proxy()
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(supabase.proxied_db_url)
    supabase.start_db_proxy()
    await (await asyncpg.connect(supabase.proxied_db_url)).close()
