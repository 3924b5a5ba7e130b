from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.databases import DAY, Connection, Sent, moment, send
from tests.supabase.postgres import Postgres

MAX_INT64, MIN_INT64 = 2**63 - 1, -(2**63)

batches = st.lists(
    st.lists(
        st.builds(
            Sent,
            offset=st.integers(0, 40),
            name=st.sampled_from(["a", "b"]),
            source=st.sampled_from(["", "x"]),
            session=st.sampled_from(["", "s"]),
            kind=st.sampled_from(["gauge", "timer"]),
            unit=st.sampled_from(["", "ms"]),
            value=st.just(1.0),
            time=st.just(0),
            journal_id=st.just("journal"),
        ),
        max_size=12,
        unique_by=lambda sent: sent.offset,
    ),
    max_size=5,
)


def a_time_for_each(batch: Sequence[Sent]) -> list[Sent]:
    """The same metrics with a time that follows from the offset, as one in a journal never changes."""
    return [sent._replace(time=(sent.offset * 7919) % 41 * DAY // 13 - DAY) for sent in batch]


def model_streams(batches: Sequence[Sequence[Sent]]) -> dict[tuple[str, str, str], tuple[object, ...]]:
    stored: dict[int, Sent] = {}
    for batch in batches:
        for sent in batch:
            stored.setdefault(sent.offset, sent)
    streams: dict[tuple[str, str, str], tuple[object, ...]] = {}
    for key in {(sent.name, sent.source, sent.session) for sent in stored.values()}:
        own = sorted(
            (sent for sent in stored.values() if (sent.name, sent.source, sent.session) == key),
            key=lambda sent: sent.time,
        )
        streams[key] = (own[-1].kind, own[-1].unit, own[0].time, own[-1].time, len(own))
    return streams


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=batches)
async def test_streams_equal_the_model(connection: Connection, batches: list[list[Sent]]) -> None:
    """Whatever comes, in whatever order and however often, streams count what is stored, once, with kind and
    unit of the latest."""
    await connection.execute("TRUNCATE metrics, streams, forebay.dirty_minutes")
    batches = [a_time_for_each(batch) for batch in batches]
    for batch in batches:
        await send(connection, batch)
    found = await connection.fetch("SELECT * FROM streams")
    assert {tuple(row)[:3]: tuple(row)[3:] for row in found} == model_streams(batches)


async def test_writers_of_the_same_streams_do_not_deadlock(
    local_postgres: Postgres, database: str, connection: Connection
) -> None:
    """Eight writers, each with all streams in an order of its own, all finish, and nothing is miscounted."""
    names = [f"name {at}" for at in range(40)]

    async def write(writer: int) -> None:
        own = await asyncpg.connect(local_postgres.dsn(database=database))
        try:
            for turn in range(15):
                order = names if (writer + turn) % 2 else names[::-1]
                await send(
                    own,
                    [
                        Sent(turn * 40 + at, name=name, journal_id=f"j{writer}")
                        for at, name in enumerate(order)
                    ],
                )
        finally:
            await own.close()

    await asyncio.gather(*map(write, range(8)))
    counts = await connection.fetch("SELECT DISTINCT count FROM streams")
    assert [row[0] for row in counts] == [8 * 15]


@pytest.mark.parametrize("time", [0, -1, 999, -999, -1001, MAX_INT64, MIN_INT64, 1_795_000_000_123_456_789])
async def test_every_time_has_a_place(connection: Connection, time: int) -> None:
    """No 64-bit time is refused, and its microseconds are its nanoseconds rounded down."""
    await send(connection, [Sent(0, time=time)])
    found = await connection.fetchrow('SELECT "time", time_ns, forebay.moment(time_ns) FROM metrics')
    assert found is not None
    assert tuple(found) == (moment(time), time, moment(time))


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"name": ""}, "metrics_name_length"),
        ({"name": "n" * 256}, "metrics_name_length"),
        ({"source": "é" * 385}, "metrics_source_length"),
        ({"session": "s" * 769}, "metrics_session_length"),
        ({"kind": "gadget"}, "metrics_kind_known"),
        ({"value": float("nan")}, "metrics_value_finite"),
        ({"value": float("-inf")}, "metrics_value_finite"),
        ({"offset": -1}, "metrics_offset_range"),
        ({"journal_id": "j" * 256}, "metrics_journal_id_length"),
    ],
)
async def test_what_cannot_be_kept_is_refused_by_name(
    connection: Connection, change: dict[str, object], constraint: str
) -> None:
    """Each bound is a check of its own, so that a dead letter can say which one it was."""
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await send(connection, [Sent(0)._replace(**change)])
    assert refused.value.constraint_name == constraint


async def test_a_time_beside_its_nanoseconds_is_refused(connection: Connection) -> None:
    """A metric cannot stand in the partition of one day and be looked for in another."""
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await connection.execute(
            "INSERT INTO metrics (journal_id, \"offset\", name, value, time, time_ns)"
            " VALUES ('j', 0, 'n', 1, '2026-01-01Z', 1)"
        )  # fmt: skip
    assert refused.value.constraint_name == "metrics_time_is_time_ns"


async def test_the_longest_texts_fit_every_key(connection: Connection) -> None:
    """What the checks let pass no index refuses, even where nothing in it repeats and can be compressed."""
    parts = [chr(0x10000 + at * 31) for at in range(1000)]
    name, source, session = "".join(parts[:255]), "".join(parts[255:447]), "".join(parts[447:639])
    assert len(source.encode()) == len(session.encode()) == 768
    await send(connection, [Sent(0, name=name, source=source, session=session, unit="x" * 100_000)])
    await connection.execute("SELECT forebay_maintain()")
    assert await connection.fetchval("SELECT count(*) FROM metrics_1h") == 1


async def test_omitted_columns_have_their_defaults(connection: Connection) -> None:
    """Who has no unit, source, session, kind or attributes need not say so."""
    await connection.execute(
        "INSERT INTO metrics (journal_id, \"offset\", name, value, time, time_ns)"
        " VALUES ('j', 0, 'n', 1, '1970-01-01Z', 0)"
    )  # fmt: skip
    row = await connection.fetchrow("SELECT kind, unit, source, session, attributes FROM metrics")
    assert row is not None
    assert tuple(row) == ("gauge", "", "", "", "{}")
    assert await connection.fetchval("SELECT accepted_at = forebay.moment(accepted_at_ns) FROM metrics")


async def test_attributes_come_back_as_they_were_sent(connection: Connection) -> None:
    """1.0, 1 and the extremes of both stay what they were."""
    sent = '{"float": 1.0, "whole": 1, "huge": 1e308, "tiny": 5e-324, "most": 9223372036854775807}'
    await send(connection, [Sent(0)])
    await connection.execute("UPDATE metrics SET attributes = $1", sent)
    assert await connection.fetchval("SELECT attributes FROM metrics") == sent


async def test_a_dead_letter_keeps_what_no_column_takes(connection: Connection) -> None:
    """NUL and lone surrogates are kept as escapes, which is how JSON writes them."""
    metric = json.dumps({"name": "a\0b\ud800", "value": 1.0})
    await connection.execute(
        'INSERT INTO dead_letters (journal_id, "offset", store, name, time, time_ns, metric, accepted_at,'
        " accepted_at_ns, cause) VALUES ('j', 1, 's', 'a?b', now(), 0, $1, now(), 0, 'nul')",
        metric,
    )
    assert await connection.fetchval("SELECT metric FROM dead_letters") == metric
