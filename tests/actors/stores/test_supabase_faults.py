"""The Supabase store against a real PostgREST and PostgreSQL that fail as they are told."""

from __future__ import annotations

import asyncio
import traceback

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
from actors.stores.supabase import SupabaseStore
from actors.stores.supabase_key import WrongKeyError
from journal.metric import Offset
from tests.actors.stores.supabase_case import (
    cursors,
    failure,
    healed,
    sql,
    store,
    store_of,
)
from tests.contracts.store_rows import new_journal, plain, stored
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

__all__ = ["local_databases", "local_postgres", "local_supabase", "store", "supabase"]


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
