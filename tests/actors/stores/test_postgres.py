"""What the native store does when something goes wrong on the way; what it stores is in the contract."""

from __future__ import annotations

import asyncio

import pytest

from actors.stores import postgres_connections
from actors.stores.base import DatabaseWentBackError, OutageError, TransientError
from actors.stores.postgres import PostgresStore
from journal.metric import Offset
from tests.actors.stores.postgres_scene import (
    Scene,
    local_databases,
    local_postgres,
    migrated_database,
    scene,
    took,
)
from tests.contracts.store_rows import new_journal, plain, stored
from tests.supabase.cluster import SUPERUSER
from tests.supabase.faults import BlackHole, ResetBefore, ResetMidRequest, Throttle, Unavailable, name
from web.ports import SeriesQuery

__all__ = ["local_databases", "local_postgres", "migrated_database", "scene"]


async def test_a_killed_backend_is_an_outage_and_the_repeat_completes(scene: Scene) -> None:
    """The backend dies with the batch in its hands: an outage; the same batch is then stored once."""
    store = await scene.store()
    async with scene.locked("metrics") as other:
        writing = asyncio.ensure_future(store.write(plain(0, 3_000), Offset(3_000)))
        await scene.until_waiting()
        await other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'forebay' and wait_event_type = 'Lock'"
        )
        with pytest.raises(OutageError):
            await writing
    assert scene.count() == (0, 0)
    await store.write(plain(0, 3_000), Offset(3_000))
    assert scene.count() == (3_000, 3_000)


async def test_a_stopped_server_is_an_outage_until_it_is_back(scene: Scene) -> None:
    """While nobody listens every call is an OutageError at once; afterwards all go on by themselves."""
    store = await scene.store()
    await store.write(plain(0, 10), Offset(10))
    await asyncio.to_thread(scene.postgres.stop)
    try:
        for ask in (
            store.write(plain(10, 20), Offset(20)),
            store.names(),
            store.maintain(None),
            stored(store),
        ):
            seconds, error = await took(ask)
            assert isinstance(error, OutageError)
            assert seconds < 5
        assert scene.postgres.password not in str(error)
    finally:
        await asyncio.to_thread(scene.postgres.start)
    await store.write(plain(0, 20), Offset(20))
    assert [row.offset for row in await stored(store)] == list(range(20))
    assert [seen.count for seen in await store.names()] == [20]


async def test_a_restart_between_two_writes_costs_one_at_most(scene: Scene) -> None:
    """A connection that was lost while idle is noticed by the next write, and replaced by the one after."""
    store = await scene.store()
    await store.write(plain(0, 10), Offset(10))
    await asyncio.to_thread(scene.postgres.restart)
    _, error = await took(store.write(plain(10, 20), Offset(20)))
    assert error is None or isinstance(error, OutageError)
    await store.write(plain(10, 20), Offset(20))
    assert scene.count() == (20, 20)


async def test_a_server_that_never_answers_is_given_up_in_time(scene: Scene) -> None:
    """A black hole is an outage after the time-out, which may be the size of the batch's fault; once it is
    lifted the same batch is stored once."""
    store = await scene.store(within=0.5, proxied=True)
    await store.write(plain(0, 10), Offset(10))
    with scene.faults.during(BlackHole()):
        seconds, error = await took(store.write(plain(10, 20), Offset(20)))
        assert isinstance(error, OutageError)
        assert error.smaller
        assert 0.3 < seconds < 20
    await store.write(plain(10, 20), Offset(20))
    assert scene.count() == (20, 20)


async def test_a_server_that_never_greets_is_given_up_in_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connecting has a time-out of its own, and fewer rows would not help."""
    monkeypatch.setattr(postgres_connections, "CONNECT_WITHIN", 0.3)
    store = await scene.store(proxied=True)
    with scene.faults.during(BlackHole()):
        seconds, error = await took(store.open(new_journal()))
    assert isinstance(error, OutageError)
    assert not error.smaller
    assert "no connection within 0.3 s" in str(error)
    assert seconds < 20


async def test_questions_too_are_given_up_in_time(scene: Scene) -> None:
    """A chart that gets no answer fails after the time-out, also one that waits for its turn."""
    store = await scene.store(within=0.5, proxied=True)
    await asyncio.gather(*(store.names() for _ in range(4)))
    with scene.faults.during(BlackHole()):
        for seconds, error in await asyncio.gather(*(took(store.names()) for _ in range(4))):
            assert isinstance(error, OutageError)
            assert seconds < 5


@pytest.mark.parametrize("fault", [ResetBefore(), ResetMidRequest(after=50_000)], ids=["before", "mid-way"])
async def test_a_reset_connection_is_an_outage_and_stores_nothing(
    scene: Scene, fault: ResetBefore | ResetMidRequest
) -> None:
    """Cut off before or within the batch: none of it is there, and the repeat stores it once."""
    store = await scene.store(proxied=True)
    with scene.faults.during(fault, times=1), pytest.raises(OutageError):
        await store.write(plain(0, 5_000), Offset(5_000))
    assert scene.count() == (0, 0)
    await store.write(plain(0, 5_000), Offset(5_000))
    assert scene.count() == (5_000, 5_000)


async def test_a_commit_that_nobody_heard_of_makes_no_double(scene: Scene) -> None:
    """The server commits and the answer is lost: an outage; the repeat finds all rows there."""
    store = await scene.store(proxied=True)
    await store.write(plain(0, 10), Offset(10))
    async with scene.locked("metrics"):
        # Few enough to have gone through the proxy whole when the server waits for the lock.
        writing = asyncio.ensure_future(store.write(plain(10, 100), Offset(100)))
        await scene.until_waiting()
        lost = scene.faults.add(BlackHole())
    await scene.until(lambda: scene.count() == (100, 100))
    # The proxy lives in this event loop: let it meet the answer before the fault is gone.
    await scene.until(lambda: any(call.done == name(BlackHole()) for call in scene.faults.calls()))
    scene.faults.remove(lost)
    with pytest.raises(OutageError):
        await writing
    await store.write(plain(10, 100), Offset(100))
    await store.write(plain(100, 600), Offset(600))
    assert scene.count() == (600, 600)
    assert await store.open(store._journal_id) == 600


async def test_a_server_that_is_starting_is_tried_again(scene: Scene) -> None:
    """57P03 is transient: the next attempt may pass."""
    store = await scene.store(proxied=True)
    scene.faults.add(Unavailable(), times=1)
    with pytest.raises(TransientError):
        await store.open(new_journal())
    assert await store.open(new_journal()) is None


async def test_a_write_that_is_cancelled_in_the_middle_is_whole_or_absent(scene: Scene) -> None:
    """Cancelled while rows are on their way: what the network still brings is all of it or nothing, and the
    connection is gone at the server too."""
    store = await scene.store(proxied=True)
    with scene.faults.during(Throttle(rows_per_second=2_000)):
        writing = asyncio.ensure_future(store.write(plain(0, 16_000), Offset(16_000)))
        await scene.until(lambda: scene.backends("state = 'active' and query like '%COPY%'") == 1)
        writing.cancel()
        await asyncio.wait([writing])
        assert writing.cancelled()
    await scene.until(lambda: scene.backends("state <> 'idle'") == 0)
    assert scene.count() in [(0, 0), (16_000, 16_000)]
    await store.write(plain(0, 16_000), Offset(16_000))
    assert scene.count() == (16_000, 16_000)


async def test_a_cancelled_question_frees_its_place(scene: Scene) -> None:
    """However many charts are closed before their answer, the next is answered."""
    store = await scene.store()
    async with scene.locked("streams"):
        for _ in range(5):
            asking = asyncio.ensure_future(store.names())
            await scene.until_waiting()
            asking.cancel()
            await asyncio.wait([asking])
    assert await store.names() == []


async def test_charts_do_not_delay_a_write(scene: Scene) -> None:
    """While more questions hang than there are connections for them, a batch is stored."""
    store = await scene.store()
    async with scene.locked("metrics_1m"):
        query = SeriesQuery("load", 0, 2**62, 60 * 10**9)
        asking = [asyncio.ensure_future(store.series(query)) for _ in range(4)]
        await scene.until_waiting()
        await store.write(plain(0, 100), Offset(100))
        assert scene.count() == (100, 100)
        assert not any(task.done() for task in asking)
    await asyncio.gather(*asking)


async def test_a_locked_table_is_transient_and_asks_for_fewer_rows(scene: Scene) -> None:
    """The server's own time-out comes before ours: 57014, and the connection is kept."""
    store = await scene.store(within=1.0)
    before = scene.sql("select pid from pg_stat_activity where application_name = 'forebay'")
    async with scene.locked("metrics"):
        seconds, error = await took(store.write(plain(0, 10), Offset(10)))
    assert isinstance(error, TransientError)
    assert (error.code, error.smaller) == ("57014", True)
    assert seconds < 20
    await store.write(plain(0, 10), Offset(10))
    assert scene.sql("select pid from pg_stat_activity where application_name = 'forebay'") == before


async def test_a_deadlock_is_transient(scene: Scene) -> None:
    """Two writers that wait for each other: the store's batch is given up, and passes the next time."""
    journal_id = new_journal()
    store = await scene.store(journal_id)
    insert = (
        'insert into metrics (journal_id, "offset", name, value, time, time_ns)'
        f" select '{journal_id}', %d, 'other', 1, forebay.moment(ns), ns from (select %d::bigint as ns) x"
    )
    async with scene.locked("feature_flags") as other:
        await other.execute("set deadlock_timeout = '1min'")
        rows = plain(0, 10)
        await other.execute(insert % (9, rows[9].accepted_at))
        writing = asyncio.ensure_future(store.write(rows, Offset(10)))
        await scene.until_waiting()
        entangled = asyncio.ensure_future(other.execute(insert % (0, rows[0].accepted_at)))
        with pytest.raises(TransientError) as caught:
            await writing
        assert caught.value.code == "40P01"
        await entangled
    await store.write(plain(0, 10), Offset(10))
    assert scene.count() == (10, 10)


async def test_two_stores_that_write_the_same_make_no_double(scene: Scene) -> None:
    """Two processes on one journal, as after a botched failover: each row is stored and counted once."""
    journal_id = new_journal()
    stores = [await scene.store(journal_id, name) for name in ("one", "two")]

    async def feed(store: PostgresStore, size: int) -> None:
        for first in range(0, 12_000, size):
            await store.write(plain(first, first + size), Offset(first + size))

    await asyncio.gather(feed(stores[0], 600), feed(stores[1], 1_000))
    assert scene.count() == (12_000, 12_000)


async def test_a_read_only_database_is_an_outage(scene: Scene) -> None:
    """A full hosted project and a replica refuse writes for a while: the cursor waits, questions go on."""
    store = await scene.store()
    alter = f"alter database {scene.database} set default_transaction_read_only ="
    scene.sql(f"{alter} on")
    await store.open(new_journal())
    with pytest.raises(OutageError, match="read-only") as caught:
        await store.write(plain(0, 10), Offset(10))
    assert caught.value.code == "25006"
    assert await store.names() == []
    scene.sql(f"set default_transaction_read_only = off; {alter} off")
    await store.write(plain(0, 10), Offset(10))
    assert scene.count() == (10, 10)


@pytest.mark.parametrize("change", ['update cursors set "offset" = 4', "delete from cursors"])
async def test_a_database_that_went_back_is_noticed(scene: Scene, change: str) -> None:
    """A restored backup holds less than was confirmed: the cursor is not moved over the hole."""
    journal_id = new_journal()
    store = await scene.store(journal_id)
    await store.write(plain(0, 10), Offset(10))
    scene.sql(change)
    before = scene.sql("select * from cursors")
    for rows in (plain(10, 20), []):
        with pytest.raises(DatabaseWentBackError, match="before offset 10"):
            await store.write(rows, Offset(20))
        assert scene.sql("select * from cursors") == before
    cursor = await store.open(journal_id) or Offset(0)
    await store.write(plain(cursor, 20), Offset(20))
    assert scene.count() == (20, 20)


async def test_closing_leaves_no_connection(scene: Scene) -> None:
    """After `close` the server has none of ours, not even one that was waiting."""
    store = await scene.store()
    async with scene.locked("streams"):
        asking = asyncio.ensure_future(store.names())
        await scene.until_waiting()
        await store.close()
        with pytest.raises(OutageError):
            await asking
    await scene.until(lambda: scene.backends() == 0)


async def test_no_setting_stays_behind(scene: Scene) -> None:
    """Whoever gets the connection next from a pooler finds it as it was."""
    store = await scene.store()
    await store.write(plain(0, 10), Offset(10))
    await store.write(plain(0, 10), Offset(10))
    await store.write([], Offset(11))
    assert store._writing is not None
    async with store._writing.one() as connection:
        changed = await connection.fetch(
            "select name, setting from pg_settings where source = 'session' and name not in"
            " ('application_name', 'client_encoding')"
        )
        assert changed == []
        assert await connection.fetchval("select count(*) from pg_class where relpersistence = 't'") == 0


async def test_the_superuser_sees_who_it_is(scene: Scene) -> None:
    """Connections are named, so that an operator finds them in pg_stat_activity."""
    await scene.store()
    assert scene.backends() == 1
    assert SUPERUSER not in scene.dsn
