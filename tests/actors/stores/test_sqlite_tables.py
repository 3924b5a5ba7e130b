from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from actors.stores.sqlite_tables import migrate, statements
from sql import Migration, MigrationNameError, migrations, ordered

TABLES = {
    "metrics": ["journal_id", "offset", "name", "value", "time", "kind", "unit", "source", "session",
                "attributes", "accepted_at"],
    "cursors": ["journal_id", "store", "offset"],
}  # fmt: skip


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def tables(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"))


def test_the_tables_are_those_of_the_contract(connection: sqlite3.Connection) -> None:
    """Names of tables and columns, and the primary key of metrics, are what other programs rely on."""
    migrate(connection, "sqlite", "x.db", migrations("sqlite"))
    assert {"metrics", "dead_letters", "cursors", "feature_flags"} <= tables(connection).keys()
    for table, columns in TABLES.items():
        assert [row[1] for row in connection.execute(f"PRAGMA table_info({table})")] == columns
    key = [row[1] for row in connection.execute("PRAGMA table_info(metrics)") if row[5]]
    assert key == ["journal_id", "offset"]


def test_every_table_is_commented(connection: sqlite3.Connection) -> None:
    """Whoever opens the file reads there what each table is for."""
    migrate(connection, "sqlite", "x.db", migrations("sqlite"))
    assert [name for name, sql in tables(connection).items() if "--" not in sql] == []


def test_migrations_are_applied_once(connection: sqlite3.Connection) -> None:
    """A second run finds nothing to do."""
    known = migrations("sqlite")
    assert migrate(connection, "sqlite", "x.db", known) == known
    assert migrate(connection, "sqlite", "x.db", known) == []


def test_a_migration_that_fails_leaves_nothing(connection: sqlite3.Connection) -> None:
    """All missing migrations are applied, or none."""
    steps = [
        Migration("1", "make_a", "CREATE TABLE a (x);"),
        Migration("2", "break_b", "CREATE TABLE b (x);\nno;"),
    ]
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, "sqlite", "x.db", steps)
    assert tables(connection) == {}


def test_a_script_is_split_at_its_statements() -> None:
    """Semicolons in comments, texts and triggers do not end a statement."""
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  DELETE FROM b;\n  DELETE FROM c;\nEND;\n"
    script = f"-- one; two\nSELECT 'a;\nb';\n{trigger}SELECT 2"
    assert list(statements(script)) == ["-- one; two\nSELECT 'a;\nb';\n", trigger, "SELECT 2"]


def test_migrations_come_in_order_of_their_time() -> None:
    """Files are sorted by timestamp, whatever order the folder gives."""
    found = ordered([("20270101000000_add_x.sql", "b"), ("20260101000000_create_x.sql", "a")])
    assert [(step.version, step.title, step.sql) for step in found] == [
        ("20260101000000", "create_x", "a"),
        ("20270101000000", "add_x", "b"),
    ]


@pytest.mark.parametrize("name", ["create_x.sql", "20260101000000_x.sql", "20260101000000-a_b.sql"])
def test_a_name_that_is_no_migrations_is_an_error(name: str) -> None:
    """A file that would be left out in silence is named instead."""
    with pytest.raises(MigrationNameError, match=name):
        ordered([(name, "")])


def test_two_migrations_of_one_time_are_an_error() -> None:
    """Their order would be a matter of luck."""
    with pytest.raises(MigrationNameError):
        ordered([("20260101000000_add_x.sql", ""), ("20260101000000_add_y.sql", "")])
