"""The Supabase store on a real PostgREST and PostgreSQL, beyond the contract of all stores."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
import traceback

import pytest

from actors.stores.base import (
    DatabaseWentBackError,
    DeniedError,
    OutageError,
    PoisonError,
    StoreError,
)
from actors.stores.supabase import CURSOR_EVERY, SupabaseStore
from journal.metric import Metric, Offset
from tests.actors.stores.supabase_case import (
    cursors,
    failure,
    sql,
    store,
    store_of,
)
from tests.contracts.store_rows import new_journal, plain, rows_of, stored
from tests.supabase.faults import (
    BlackHole,
    Unavailable,
)
from tests.supabase.fixtures import local_databases, local_postgres, local_supabase, supabase
from tests.supabase.stack import LocalSupabase
from web.ports import SeriesQuery

__all__ = ["local_databases", "local_postgres", "local_supabase", "store", "supabase"]


async def test_the_guilty_row_is_named(store: SupabaseStore) -> None:
    """PostgreSQL names the bad row of a batch: nothing is stored, and no search is needed."""
    rows = plain(10, 500)
    rows[123] = rows[123]._replace(metric=Metric(name="x" * 300, value=1.0))
    with pytest.raises(PoisonError) as raised:
        await store.write(rows, Offset(500))
    assert [(refusal.offset, refusal.cause) for refusal in raised.value.refusals] == [(133, "check")]
    assert len(await stored(store)) == 10


async def test_what_cannot_be_sent_is_found_before_it_is(
    supabase: LocalSupabase, store: SupabaseStore
) -> None:
    """NUL bytes and lone surrogates are refused by offset and cause, all of them, without a call."""
    supabase.faults.forget()
    bad = rows_of([Metric("a\0", 1.0), Metric("good", 1.0), Metric("b", 1.0, source="\ud800")], 10)
    with pytest.raises(PoisonError) as raised:
        await store.write(bad, Offset(13))
    assert [(each.offset, each.cause) for each in raised.value.refusals] == [
        (10, "nul-byte"),
        (12, "bad-text"),
    ]
    assert supabase.faults.count() == 0


async def test_the_cursor_follows_within_its_time(supabase: LocalSupabase) -> None:
    """The first batch brings its cursor along; then it is written once in CURSOR_EVERY and never ahead of its
    rows, at once for an empty batch, and when maintained or closed."""
    store = store_of(supabase)
    await store.open(new_journal())
    await store.write(plain(0, 10), Offset(10))
    assert cursors(supabase) == ["10"]
    supabase.faults.forget()
    began = time.monotonic()
    for first in range(10, 60, 10):
        await store.write(plain(first, first + 10), Offset(first + 10))
    written = supabase.faults.count("PATCH", "/rest/v1/cursors")
    assert written <= (time.monotonic() - began) / CURSOR_EVERY
    await store.write([], Offset(70))
    assert cursors(supabase) == ["70"]
    await store.write(plain(70, 80), Offset(80))
    await store.maintain(None)
    assert cursors(supabase) == ["80"]
    await store.write(plain(80, 90), Offset(90))
    await store.close()
    assert cursors(supabase) == ["90"]


async def test_rows_are_stored_before_their_cursor(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """Where the cursor cannot be written, the rows are there, the error is told, and a repeat heals it."""
    await store.write([], Offset(10))
    with supabase.faults.during(Unavailable(), path="/rest/v1/cursors"):
        await store.write(plain(10, 20), Offset(20))
        with pytest.raises(OutageError):
            await store.write([], Offset(20))
    assert sql(supabase, "select count(*) from metrics") == ["20"]
    assert cursors(supabase) == ["10"]
    await store.write([], Offset(20))
    assert cursors(supabase) == ["20"]


async def test_a_database_that_went_back_is_noticed(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """A backup that is put back meanwhile has an older cursor: the store says so, and opening it again tells
    the older cursor, so that the journal fills what is missing."""
    journal_id = sql(supabase, "select journal_id from cursors")[0]
    await store.write([], Offset(50))
    sql(supabase, 'update cursors set "offset" = 10')
    with pytest.raises(DatabaseWentBackError, match="offset 50"):
        await store.write([], Offset(60))
    assert await store.open(journal_id) == 10


async def test_a_server_may_give_fewer_rows_at_a_time(supabase: LocalSupabase) -> None:
    """Pages as small as a server likes: rows, names, sessions and series come whole."""
    role = "alter role authenticator set pgrst.db_max_rows = '7'"
    sql(supabase, role, "supabase_admin")
    try:
        supabase.postgrest.restart()
        store = store_of(supabase)
        await store.open(new_journal())
        metrics = [
            Metric(f"n{at:02}", 1.0, time=at, source=f'"s,{at % 5}\\)', session=f"{at % 9}")
            for at in range(45)
        ]
        metrics += [Metric("many", float(at), time=at, source=f'"s,{at % 5}\\)') for at in range(100)]
        rows = rows_of(metrics)
        await store.write(rows, Offset(len(rows)))
        pages = [len(page) async for page in store.offsets(Offset(0), Offset(1_000))]
        assert max(pages) == 7
        assert await stored(store) == rows
        assert [seen.name for seen in await store.names()] == ["many", *(f"n{at:02}" for at in range(45))]
        assert len(await store.sessions()) == 45
        found = await store.series(SeriesQuery("many", 0, 100, 1))
        assert [point.max for series in found for point in series.points] == [
            float(at) for source in range(5) for at in range(source, 100, 5)
        ]
        await store.close()
    finally:
        sql(supabase, "alter role authenticator reset pgrst.db_max_rows", "supabase_admin")
        supabase.postgrest.restart()


async def test_one_call_is_enough_for_an_answer_that_fits(
    supabase: LocalSupabase, store: SupabaseStore
) -> None:
    """A series, the names and the sessions cost one request each."""
    supabase.faults.forget()
    await store.series(SeriesQuery("load", 0, 2**63, 2**40))
    await store.names()
    await store.sessions()
    assert supabase.faults.count() == 3


async def test_cancelling_leaves_nothing_behind(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """A write into a black hole ends at once when cancelled; no task is left, and the store goes on."""
    before = asyncio.all_tasks()
    with supabase.faults.during(BlackHole()):
        writing = asyncio.create_task(store.write(plain(10, 20), Offset(20)))
        while not supabase.faults.count(done="black-hole"):  # noqa: ASYNC110 - the router has another loop
            await asyncio.sleep(0.001)
        writing.cancel()
        await asyncio.wait([writing], timeout=0.5)
        assert writing.cancelled()
    assert asyncio.all_tasks() == before
    await store.write(plain(10, 20), Offset(20))


async def test_closing_waits_for_nobody(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """A cursor that is not taken within a second is left behind; the next time, some rows are sent again."""
    await store.write(plain(10, 20), Offset(20))
    with supabase.faults.during(BlackHole()):
        began = time.monotonic()
        await store.close()
        assert time.monotonic() - began < 2.5


async def test_a_store_starts_no_task(supabase: LocalSupabase) -> None:
    """No realtime connection, no refreshing of tokens: nothing runs beside the calls."""
    before = asyncio.all_tasks()
    store = store_of(supabase)
    await store.open(new_journal())
    assert asyncio.all_tasks() == before
    assert {call.path for call in supabase.faults.calls()} == {"/rest/v1/metrics", "/rest/v1/cursors"}
    await store.close()
    assert asyncio.all_tasks() == before


async def test_no_secret_is_shown(supabase: LocalSupabase, caplog: pytest.LogCaptureFixture) -> None:
    """The key is in no log above debugging, no repr and no traceback."""
    caplog.set_level(logging.INFO)
    store = store_of(supabase)
    await store.open(new_journal())
    with supabase.faults.during(Unavailable()):
        error = await failure(store)
    seen = caplog.text + repr(store) + "".join(traceback.format_exception(error))
    await store.close()
    assert supabase.service_role_key not in seen
    assert supabase.service_role_key.split(".")[2] not in seen


@pytest.mark.parametrize("url", ["", "project.supabase.co", "ftp://project.supabase.co", "http://"])
async def test_a_url_that_is_none(url: str) -> None:
    """Denied, with the variable's name."""
    with pytest.raises(StoreError, match="SUPABASE_URL") as raised:
        await SupabaseStore(url, "sb_secret_x", timeout=1.0).open(new_journal())
    assert isinstance(raised.value, DeniedError)


def test_nobody_without_such_a_store_pays_for_supabase_py() -> None:
    """Importing the store, and naming one, imports neither supabase nor httpx."""
    code = (
        "import sys; from actors.stores.supabase import SupabaseStore; SupabaseStore('http://h', 'k');"
        "sys.exit(any(name in sys.modules for name in ('supabase', 'postgrest', 'httpx', 'asyncpg')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
