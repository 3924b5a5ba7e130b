from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.supabase.client import NUMBERS, rest, stored
from tests.supabase.database_faults import read_only, slow_rows, statement_timeout
from tests.supabase.stack import LocalSupabase

INSERT = "insert into numbers values (1)"


@pytest.fixture
async def numbers(supabase: LocalSupabase) -> LocalSupabase:
    """A Supabase with an empty table that PostgREST knows."""
    supabase.postgres.execute(NUMBERS, supabase.database, "postgres")
    supabase.postgrest.restart()
    return supabase


async def code(numbers: LocalSupabase) -> str:
    """How PostgREST answers to a write once it does: the code of its error, "" if there was none."""
    async with asyncio.timeout(60), rest(numbers, timeout=30) as client:
        while (answer := await client.post("numbers", json=[{"n": n} for n in range(3)])).status_code == 503:
            pass
    return "" if answer.status_code == 201 else str(answer.json()["code"])


async def test_a_read_only_database_refuses_writes_on_both_ways(numbers: LocalSupabase) -> None:
    """PostgREST and PostgreSQL itself say 25006, and afterwards take writes again."""
    with read_only(numbers.postgres, numbers.database):
        assert await code(numbers) == "25006"
        connection = await asyncpg.connect(numbers.db_url)
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute(INSERT)
        connection.terminate()
    assert await code(numbers) == ""
    assert stored(numbers) == [0, 1, 2]


async def test_slow_rows_meet_the_statement_time_out_on_both_ways(numbers: LocalSupabase) -> None:
    """Slow rows alone are stored; where the time-out is shorter than they take it is 57014, and none is."""
    with slow_rows(numbers.postgres, numbers.database, rows_per_second=2):
        with statement_timeout(numbers.postgres, numbers.database, 1_000):
            assert await code(numbers) == "57014"
            connection = await asyncpg.connect(numbers.db_url)
            with pytest.raises(asyncpg.QueryCanceledError):
                await connection.execute("insert into numbers select generate_series(1, 3)")
            connection.terminate()
        assert stored(numbers) == []
        assert await code(numbers) == ""
    assert stored(numbers) == [0, 1, 2]
