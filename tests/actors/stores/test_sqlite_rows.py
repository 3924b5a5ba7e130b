from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from actors.stores.sqlite_rows import METRICS, STREAMS, batch, inserts
from actors.stores.sqlite_tables import migrate
from journal.metric import Metric
from sql import migrations
from tests.contracts.store_rows import rows_of

DEFAULT_LIMIT = 32_766
"""Parameters a statement, as SQLite is built by default."""


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, "sqlite", "memory", migrations("sqlite"))
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, DEFAULT_LIMIT)
    yield connection
    connection.close()


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 7, 2_047, 2_048, 2_049, 9_001])
@pytest.mark.parametrize("limit", [21, DEFAULT_LIMIT])
def test_every_row_is_inserted_once_within_the_limit(
    connection: sqlite3.Connection, rows: int, limit: int
) -> None:
    """Whatever their number, rows fit SQLite's limit, and filling up a statement changes nothing."""
    metrics = [Metric(f"name {at % 3000}", float(at), source="s", session=f"{at % 2}") for at in range(rows)]
    prepared = batch(rows_of(metrics))
    for table, shared, parameters in ((METRICS, ["j"], prepared.metrics), (STREAMS, [], prepared.streams)):
        for sql, given in inserts(table, shared, parameters, limit):
            assert len(given) <= limit
            connection.execute(sql, given)
    found = connection.execute(
        'SELECT count(*), count(DISTINCT "offset"), sum(value) FROM metrics'
    ).fetchone()
    assert found == (rows, rows, sum(range(rows)) if rows else None)
    counted = connection.execute("SELECT count(*), sum(count) FROM streams").fetchone()
    assert counted == (len(prepared.streams) // STREAMS.width, rows or None)


def test_a_busy_loop_costs_few_statements() -> None:
    """16,384 metrics are two statements: each one more is a wait for the interpreter lock."""
    prepared = batch(rows_of(Metric("name", 1.0) for _ in range(16_384)))
    assert len(list(inserts(METRICS, ["j"], prepared.metrics, 250_000))) == 2
