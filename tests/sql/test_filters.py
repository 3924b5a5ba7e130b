from __future__ import annotations

import asyncpg
import pytest

from tests.sql.databases import DAY, HOUR, Connection, Sent, maintain, send

FILTERED = "SELECT * FROM forebay_filtered_series($1, $2, $3, $4, $5, $6, $7)"


async def test_without_a_filter_roll_ups_answer(connection: Connection) -> None:
    """With neither session nor attribute it is forebay_series: the same points, also where only roll-ups have
    them still."""
    await send(
        connection, [Sent(at, float(at), at * HOUR // 2, name="a", source="xy"[at % 2]) for at in range(48)]
    )
    await maintain(connection)
    for source in (None, "x"):
        plain = await connection.fetch(
            "SELECT * FROM forebay_series($1, $2, $3, $4, $5)", "a", 0, DAY, HOUR, source
        )
        assert await connection.fetch(FILTERED, "a", 0, DAY, HOUR, source, None, "{}") == plain != []
    await connection.execute("TRUNCATE metrics")
    assert await connection.fetch(FILTERED, "a", 0, DAY, HOUR, "x", None, None) == plain


async def test_streams_say_where_a_session_is(connection: Connection) -> None:
    """In a window without end all of a session is found; one that streams do not know is not looked for."""
    await send(connection, [Sent(at, 1.0, at * HOUR, name="a", session="s") for at in range(3)])
    found = await connection.fetch(FILTERED, "a", -(2**70), 2**70, 2**71, None, "s", "{}")
    assert [row["count"] for row in found] == [3]
    await connection.execute("UPDATE streams SET session = 'renamed'")
    assert await connection.fetch(FILTERED, "a", -(2**70), 2**70, 2**71, None, "s", "{}") == []


@pytest.mark.parametrize(("step", "attributes"), [(0, "{}"), (None, "{}"), (1, "[1]"), (1, '"x"')])
async def test_what_cannot_be_meant_is_refused(
    connection: Connection, step: int | None, attributes: str
) -> None:
    """A step that is none, and attributes that are no object."""
    with pytest.raises((asyncpg.InvalidParameterValueError, asyncpg.DataError)):
        await connection.fetch(FILTERED, "a", 0, 10, step, None, "s", attributes)


async def test_attributes_that_are_no_object_are_passed_over(connection: Connection) -> None:
    """What somebody has put there by hand breaks neither question."""
    await send(connection, [Sent(at, 1.0, at, name="a") for at in range(5)])
    for offset, text in enumerate(("[1]", "3", '{"k":null}', '{"k":{"b":1}}', '{"k":"v"}')):
        await connection.execute('UPDATE metrics SET attributes = $1 WHERE "offset" = $2', text, offset)
    found = await connection.fetch("SELECT * FROM forebay_attributes('a')")
    assert [tuple(row) for row in found] == [("k", ["v", '{"b":1}'], 2)]
    (point,) = await connection.fetch(FILTERED, "a", 0, 10, 10, None, None, '{"k":"v"}')
    assert point["count"] == 1
