from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.databases import DAY, HOUR, MINUTE, Connection, Sent, maintain, send
from tests.sql.test_rollups import assert_mean, batches, emptied, in_one_time, stored

SERIES = "SELECT * FROM forebay_series($1, $2, $3, $4, $5)"

windows = st.tuples(
    st.integers(-3 * HOUR, 3 * HOUR) | st.sampled_from([-(2**63), -(2**70), -HOUR, 0, MINUTE]),
    st.integers(-10, 7 * HOUR) | st.sampled_from([2**64, 2**72, MINUTE, 2 * HOUR]),
)
steps = st.sampled_from(
    [
        1,
        7,
        MINUTE - 1,
        MINUTE,
        3 * MINUTE,
        HOUR,
        2 * HOUR,
        DAY,
        HOUR + MINUTE,
        2**63 - 1,
        2**64,
        MINUTE * 2**60,
    ]
)


def model(
    metrics: Iterable[Sent], name: str, start: int, until: int, step: int, source: str | None
) -> dict[tuple[str, int], list[float]]:
    points: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    for sent in metrics:
        if sent.name == name and start <= sent.time < until and source in (None, sent.source):
            points[sent.source, sent.time // step * step].append(sent.value)
    return points


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=batches,
    rolled=st.integers(0, 6),
    dropped=st.booleans(),
    window=windows,
    step=steps,
    source=st.sampled_from([None, "", "x", "absent"]),
)
async def test_series_equal_the_model(
    connection: Connection,
    batches: list[list[Sent]],
    rolled: int,
    dropped: bool,
    window: tuple[int, int],
    step: int,
    source: str | None,
) -> None:
    """Whatever the step, and however much of it is rolled up, dirty, or of dropped metrics that only whole
    minutes still tell of, a series is that of the metrics one by one."""
    await emptied(connection)
    batches = in_one_time(batches)
    for batch in batches[:rolled]:
        await send(connection, batch)
    await maintain(connection)
    start, length = window
    if dropped:
        # What is left to answer from then are whole minutes.
        start, length, step = start // DAY * DAY, -(-length // DAY) * DAY, max(step // DAY, 1) * DAY
        await connection.execute("UPDATE metrics SET accepted_at = '1970-01-01Z'")
        await connection.execute("SELECT forebay_maintain(7)")
        assert await connection.fetchval("SELECT count(*) FROM metrics WHERE time < '2000-01-01Z'") == 0
    for batch in batches[rolled:]:
        known = stored(batches[:rolled]) if dropped else {}
        await send(connection, [sent for sent in batch if sent.offset not in known])
    found = await connection.fetch(SERIES, "a", start, start + length, step, source)
    keys = [(row["source"], int(row["time_ns"])) for row in found]
    assert keys == sorted(set(keys))
    expected = model(stored(batches).values(), "a", start, start + length, step, source)
    if dropped:
        # The first minute of 64 bits is no whole one, and only its metrics could tell of it.
        expected = {key: values for key, values in expected.items() if key in keys or abs(key[1]) < 2**62}
    assert set(keys) == expected.keys()
    for key, row in zip(keys, found, strict=True):
        values = expected[key]
        assert (row["min"], row["max"], row["count"]) == (min(values), max(values), len(values))
        assert_mean(row["mean"], values)
        assert row["unit"] == "s"


@pytest.mark.parametrize("step", [0, -1, 0.5, None])
async def test_a_step_that_is_none_is_refused(connection: Connection, step: float | None) -> None:
    """There is no series in steps of nothing, or of parts of a nanosecond."""
    with pytest.raises(asyncpg.InvalidParameterValueError, match="at least 1 ns"):
        await connection.fetch(SERIES, "a", 0, 10, step, None)


async def test_long_windows_are_answered_from_roll_ups(connection: Connection) -> None:
    """Of a day at a step of an hour no metric is read but those of dirty minutes: without the metrics
    themselves the answer is the same."""
    sent = [Sent(at, float(at), at * MINUTE // 2, name="a") for at in range(2880)]
    await send(connection, sent)
    await maintain(connection)
    before = await connection.fetch(SERIES, "a", 0, DAY, HOUR, None)
    by_minute = await connection.fetch(SERIES, "a", 0, DAY, MINUTE, None)
    await connection.execute("TRUNCATE metrics")
    assert await connection.fetch(SERIES, "a", 0, DAY, HOUR, None) == before
    assert await connection.fetch(SERIES, "a", 0, DAY, MINUTE, None) == by_minute
    assert (len(before), len(by_minute)) == (24, 1440)


async def test_names_tell_what_there_is(connection: Connection) -> None:
    """Each name has its sources, its times, its count, and kind and unit of its latest metric."""
    await send(
        connection,
        [
            Sent(0, time=50, name="b", source="y", kind="counter", unit="new"),
            Sent(1, time=10, name="b", source="x", unit="old"),
            Sent(2, time=7, name="a"),
            Sent(3, time=90, name="b", source="x", kind="timer", unit="s"),
            Sent(4, time=-5, name="b", source="y", unit="older"),
            Sent(5, time=1, name="B", source="é"),
        ],
    )
    assert [tuple(row) for row in await connection.fetch("SELECT * FROM forebay_names()")] == [
        ("B", "gauge", "", ["é"], 1, 1, 1),
        ("a", "gauge", "", [""], 7, 7, 1),
        ("b", "timer", "s", ["x", "y"], -5, 90, 4),
    ]


async def test_sessions_tell_who_sent(connection: Connection) -> None:
    """Sessions come latest first, by source, with times and count; no session is none."""
    await send(
        connection,
        [
            Sent(0, time=10, name="a", source="x", session="1"),
            Sent(1, time=30, name="b", source="x", session="1"),
            Sent(2, time=90, name="a", source="x", session="2"),
            Sent(3, time=50, name="a", source="y", session="1"),
            Sent(4, time=99, name="a", source="x"),
        ],
    )
    assert [tuple(row) for row in await connection.fetch("SELECT * FROM forebay_sessions()")] == [
        ("2", "x", 90, 90, 1),
        ("1", "y", 50, 50, 1),
        ("1", "x", 10, 30, 2),
    ]


async def test_a_series_reads_only_its_days(connection: Connection) -> None:
    """A window within one day touches one partition, by the index that has all that a series needs."""
    plan = await connection.fetch(
        "EXPLAIN SELECT source, time_ns, value FROM metrics WHERE name = 'a' AND time >= now()"
        " AND time <= now() AND time_ns >= 0"
    )
    text = "\n".join(row[0] for row in plan)
    assert "Subplans Removed: 5" in text
    assert "Index Only Scan" in text
