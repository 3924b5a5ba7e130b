from __future__ import annotations

from pathlib import Path

import pytest

from actors.stores import sqlite_series
from actors.stores.sqlite import SqliteStore
from actors.stores.sqlite_tables import connect_for_writing, migrate
from journal.metric import AttributeValue, Metric, Offset
from sql import migrations
from tests.contracts.cursor_suite import opened
from tests.contracts.store_rows import new_journal, rows_of
from web.ports import SeriesQuery


@pytest.mark.parametrize(
    ("attributes", "key", "text", "there"),
    [
        ({"x,": 1, ":5,abc": 2}, ":1,", "5", False),  # ,":1,":5, stands there, and begins within a key
        ({"x": "y,", "}": 1}, "}", "1", True),
        ({":1,": 5}, ":1,", "5", True),
        ({":1,": 0.5}, ":1,", "0.5", True),
        ({":1,": True}, ":1,", "true", True),
        ({":1,": "5"}, ":1,", "5", True),
        ({'a"b': "gpu"}, "b", "gpu", False),
        ({"note": '"gpu":"0",'}, "gpu", "0", False),
        ({"note": ',"gpu":0,'}, "gpu", "0", False),
        ({"gpu": 1, "up": 2}, "gpu", '1,"up":2', False),
        ({"gpu": "01"}, "gpu", "0", False),
        ({"gpu": 10}, "gpu", "1", False),
        ({"a": 1, "gpu": 0, "z": 2}, "gpu", "0", True),
        ({"gpu": "x\0y"}, "gpu", "x\0y", True),
        ({"gpu": "x\0y"}, "gpu", "x", False),
    ],
)
async def test_text_that_looks_like_an_attribute_is_none(
    tmp_path: Path, attributes: dict[str, AttributeValue], key: str, text: str, there: bool
) -> None:
    """Quotes, commas, colons and NUL in keys and values neither hide an attribute nor feign one."""
    async with opened(SqliteStore(str(tmp_path / "forebay.db")), new_journal()) as store:
        await store.write(rows_of([Metric("up", 1.0, 5, attributes=attributes)]), Offset(1))
        query = SeriesQuery("up", 0, 10, 1, attributes=((key, text),))
        assert bool(await store.series(query)) is there


def test_a_session_is_looked_for_in_its_own_times(tmp_path: Path) -> None:
    """The times that streams have of it bound what is read of the index on name and time."""
    sql, parameters = sqlite_series.series("s", ())
    connection = connect_for_writing(str(tmp_path / "forebay.db"))
    migrate(connection, "sqlite", "forebay.db", migrations("sqlite"))
    window = {"name": "up", "first": 0, "last": 9, "step": 1, "source": None}
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters | window)]
    connection.close()
    assert plan[0] == "SEARCH metrics USING INDEX metrics_by_name_and_time (name=? AND time>? AND time<?)"
    assert sum(line.startswith("SEARCH streams USING PRIMARY KEY (name=?") for line in plan) == 2
