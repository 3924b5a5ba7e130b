"""The Supabase store against a real PostgREST and PostgreSQL that fail as they are told."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator

import pytest

from actors.stores.base import (
    DeniedError,
    OutageError,
    PoisonError,
    StoreError,
    ThrottledError,
    TransientError,
    as_stored,
)
from actors.stores.supabase import CURSOR_EVERY, DatabaseWentBackError, SupabaseStore
from actors.stores.supabase_key import WrongKeyError
from journal.metric import Metric, Offset
from tests.contracts.store_rows import new_journal, plain, rows_of, stored
from tests.supabase.faults import (
    Answer,
    BlackHole,
    Fault,
    ResetAfterCommit,
    ResetBefore,
    ResetMidRequest,
    Throttle,
    TooManyRequests,
    Unavailable,
    html_error,
)
from tests.supabase.fixtures import local_databases, local_postgres, local_supabase, supabase
from tests.supabase.keys import new_keys
from tests.supabase.stack import LocalSupabase

__all__ = ["local_databases", "local_postgres", "local_supabase", "supabase"]

WITHIN = 3.0
"""Seconds that the stores here give a call; twice that at most, connecting included."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def store_of(supabase: LocalSupabase, key: str = "", timeout: float = WITHIN) -> SupabaseStore:
    return SupabaseStore(supabase.url, key or supabase.service_role_key, timeout=timeout)


@pytest.fixture
async def store(supabase: LocalSupabase) -> AsyncIterator[SupabaseStore]:
    """Open, with rows 0 to 10."""
    store = store_of(supabase)
    await store.open(new_journal())
    await store.write(plain(0, 10), Offset(10))
    yield store
    await store.close()


def sql(supabase: LocalSupabase, text: str, user: str = "postgres") -> list[str]:
    return supabase.postgres.execute(text, supabase.database, user).splitlines()


def cursors(supabase: LocalSupabase) -> list[str]:
    return sql(supabase, 'select "offset" from cursors')


async def failure(store: SupabaseStore, first: int = 10, until: int = 20) -> StoreError:
    """The error of writing these rows, which must come in bounded time."""
    began = time.monotonic()
    with pytest.raises(StoreError) as raised:
        await store.write(plain(first, until), Offset(until))
    assert time.monotonic() - began < 2 * WITHIN + 0.5
    return raised.value


async def healed(store: SupabaseStore, seconds: float = 30.0) -> None:
    """Write rows 10 to 20 as soon as that works: PostgREST comes back with a backoff of its own."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            await store.write(plain(10, 20), Offset(20))
        except OutageError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        else:
            return


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Unavailable(), OutageError),
        (html_error(521), OutageError),
        (Answer(540, ""), OutageError),
        (Answer(504, "upstream timed out", "text/plain"), OutageError),
        (Answer(200, "<html>Log in to the hotel's network</html>", "text/html"), OutageError),
        (Answer(200, "[]"), OutageError),
        (Answer(201, ""), OutageError),
        (BlackHole(), OutageError),
        (ResetBefore(), OutageError),
        (ResetMidRequest(), OutageError),
        (ResetAfterCommit(), OutageError),
        (TooManyRequests(7), ThrottledError),
        (TooManyRequests(None), ThrottledError),
        (Answer(413, "Payload Too Large", "text/plain"), PoisonError),
        (Answer(401, '{"message": "Invalid API key"}'), DeniedError),
        (Answer(301, ""), DeniedError),
    ],
    ids=str,
)
async def test_a_fault_on_the_way_is_told_and_passes(
    supabase: LocalSupabase, store: SupabaseStore, fault: Fault, kind: type[StoreError]
) -> None:
    """Whatever the network and its gateways do, the error is of the right class, comes in bounded time, moves
    no cursor; the same store writes the same rows once it is over, and none of them is twice."""
    with supabase.faults.during(fault):
        error = await failure(store)
    assert type(error) is kind
    assert cursors(supabase) == ["10"]
    await store.write(plain(10, 20), Offset(20))
    assert await stored(store) == [as_stored(row) for row in plain(0, 20)]
    assert [seen.count for seen in await store.names()] == [20]


async def test_a_store_waits_as_long_as_it_is_told(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """Retry-After of the gateway is in the error."""
    with supabase.faults.during(TooManyRequests(7)):
        error = await failure(store)
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 7.0


@pytest.mark.parametrize("fault", [BlackHole(), Answer(413, "too large", "text/plain")], ids=str)
async def test_fewer_rows_are_asked_for(supabase: LocalSupabase, store: SupabaseStore, fault: Fault) -> None:
    """A time-out and a body that is too large may be the batch's size: the error says so."""
    with supabase.faults.during(fault):
        assert (await failure(store)).smaller


async def test_what_committed_unheard_is_not_doubled(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """The ambiguous case: the rows are there although the write failed; sending them again is harmless."""
    with supabase.faults.during(ResetAfterCommit(), times=1):
        await failure(store)
    assert sql(supabase, "select count(*) from metrics") == ["20"]
    await store.write(plain(10, 20), Offset(20))
    assert sql(supabase, 'select count(*), count(distinct "offset") from metrics') == ["20|20"]


async def test_postgrest_stopped(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """The gateway's 503 is an outage; the store goes on when PostgREST is back."""
    supabase.postgrest.stop()
    assert isinstance(await failure(store), OutageError)
    supabase.postgrest.start()
    await healed(store)
    assert len(await stored(store)) == 20


async def test_nobody_listens(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """A refused connection is an outage, while writing and while opening."""
    supabase.stop_router()
    assert isinstance(await failure(store), OutageError)
    with pytest.raises(OutageError):
        await store.open(new_journal())
    with pytest.raises(OutageError, match="not open"):
        await store.names()


async def test_postgres_stopped(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """A database that is gone is an outage; the store goes on when it is back."""
    supabase.postgres.stop("immediate")
    assert isinstance(await failure(store), OutageError)
    supabase.postgres.start()
    await healed(store)
    assert len(await stored(store)) == 20


async def test_a_wrong_key(supabase: LocalSupabase) -> None:
    """A key of another project is denied, with the variable's name and without the key."""
    key = new_keys().service_role
    with pytest.raises(DeniedError, match="SUPABASE_SERVICE_ROLE_KEY") as raised:
        await store_of(supabase, key).open(new_journal())
    assert key not in "".join(traceback.format_exception(raised.value))


async def test_the_key_of_anon_is_refused_at_once(supabase: LocalSupabase) -> None:
    """Opening says whose key it is, and sends it nowhere."""
    with pytest.raises(WrongKeyError, match="anon"):
        await store_of(supabase, supabase.anon_key).open(new_journal())
    assert supabase.faults.count() == 0


async def test_no_right_to_write(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """42501 is the configuration's fault: denied."""
    sql(supabase, "revoke insert on metrics from service_role")
    error = await failure(store)
    assert isinstance(error, DeniedError)
    assert error.code == "42501"


async def test_a_dropped_table(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """Denied, with the command that makes the tables, while writing and while opening."""
    sql(supabase, "drop table metrics cascade")
    supabase.postgrest.restart()
    assert "forebay db migrate" in str(await failure(store))
    with pytest.raises(DeniedError, match="forebay db migrate"):
        await store.open(new_journal())


async def test_a_read_only_database(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """25006 is an outage: a failover or a full disk, and either passes."""
    # By a trigger: PostgREST begins READ WRITE, so default_transaction_read_only does nothing to it.
    sql(
        supabase,
        "create function refuse() returns trigger language plpgsql as $$ begin raise exception using"
        " errcode = '25006', message = 'cannot execute INSERT in a read-only transaction'; end $$;"
        "create trigger refuse before insert on metrics for each statement execute function refuse()",
    )
    error = await failure(store)
    assert isinstance(error, OutageError)
    assert error.code == "25006"


async def test_a_statement_time_out(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """57014 is transient, and fewer rows may pass: here, at one row a second, ten do not."""
    with supabase.faults.during(Throttle(1.0, statement_timeout=0.5)):
        error = await failure(store)
    assert isinstance(error, TransientError)
    assert (error.code, error.smaller) == ("57014", True)


async def test_a_real_statement_time_out(supabase: LocalSupabase, store: SupabaseStore) -> None:
    """The same from PostgreSQL itself, which waits for a lock on the table."""
    sql(supabase, "alter role service_role set statement_timeout = '300ms'", "supabase_admin")
    try:
        holder = asyncio.create_task(
            asyncio.to_thread(
                sql, supabase, "begin; lock table metrics in exclusive mode; select pg_sleep(2)"
            )
        )
        locks = (
            "select count(*) from pg_locks where mode = 'ExclusiveLock' and relation = 'metrics'::regclass"
        )
        while sql(supabase, locks) != ["1"]:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
        supabase.postgrest.restart()
        error = await failure(store)
        await holder
    finally:
        sql(supabase, "alter role service_role reset statement_timeout", "supabase_admin")
    assert isinstance(error, TransientError)
    assert (error.code, error.smaller) == ("57014", True)


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
        found = await store.series("many", 0, 100, 1, None)
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
    await store.series("load", 0, 2**63, 2**40, None)
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
        assert time.monotonic() - began < 1.5


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
