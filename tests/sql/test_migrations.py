from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

from actors.stores.sqlite_tables import migrate as migrate_sqlite
from sql import migrations
from tests.sql.databases import Connection, migrate
from tests.supabase.postgres import Postgres

FOLDER = Path(__file__).parents[2] / "sql" / "supabase" / "migrations"

COMMENTS = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'forebay') AND c.relkind IN ('r', 'p') AND obj_description(c.oid) IS NULL
UNION ALL
SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname IN ('public', 'forebay') AND obj_description(p.oid) IS NULL
"""

COLUMNS = """
SELECT table_name, string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns
WHERE table_schema = 'public' GROUP BY table_name
"""

ONLY_POSTGRES = {"metrics_1m", "metrics_1h"}
"""Roll-ups are kept by the database; SQLite answers from the metrics themselves."""


def test_squawk_has_nothing_to_say() -> None:
    """The linter for PostgreSQL migrations finds nothing in any file."""
    squawk = Path(sys.executable).parent / "squawk"
    files = sorted(map(str, FOLDER.glob("*.sql")))
    assert files
    done = subprocess.run(
        [squawk, "--assume-in-transaction", "--pg-version=15", *files],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_files_leave_transactions_to_who_applies_them() -> None:
    """psql, the Supabase CLI and `forebay db` put each file into a transaction; none begins or ends one."""
    for migration in migrations("supabase/migrations"):
        assert not re.search(r"^\s*(BEGIN|COMMIT|ROLLBACK)\s*;", migration.sql, re.MULTILINE | re.IGNORECASE)


def test_a_plain_postgres_takes_them(plain_postgres: Postgres) -> None:
    """Without Supabase's roles and schemas, and by an owner who is no superuser, all files apply."""
    name = plain_postgres.create_database()
    migrate(plain_postgres, name)
    roles = plain_postgres.execute("select rolname from pg_roles where rolname !~ '^pg_' order by 1", name)
    assert roles.split() == ["forebay_reader", "postgres", "supabase_admin"]
    ran = plain_postgres.execute("select ran from forebay_maintain(30)", name, "postgres")
    assert ran == "t"


def test_rights_can_be_granted_again_when_the_roles_have_come(plain_postgres: Postgres) -> None:
    """Where anon is made after the migrations, applying the files of the grants once more lets it read."""
    name = plain_postgres.create_database()
    migrate(plain_postgres, name)
    plain_postgres.execute("create role anon nologin", name)
    grants = [step for step in migrations("supabase/migrations") if step.title.startswith("grant_")]
    asked = "select count(*) from metrics", "select count(*) from forebay_attributes('a')"
    try:
        for step in grants:
            plain_postgres.execute(f"begin;{step.sql};commit;", name, "postgres")
        assert [plain_postgres.execute(f"set role anon; {each}", name) for each in asked] == ["0", "0"]
    finally:
        plain_postgres.execute("drop owned by anon; drop role anon", name)


async def test_every_table_and_function_is_commented(connection: Connection) -> None:
    """Whoever opens the database reads there what each thing is for, partitions included."""
    assert await connection.fetch(COMMENTS) == []


async def test_sqlite_is_the_twin(connection: Connection) -> None:
    """SQLite and PostgreSQL have the same tables with the same columns, in the same order; a time that
    timestamptz cannot hold has its nanoseconds beside it, and cursors say when they moved."""
    embedded = sqlite3.connect(":memory:", isolation_level=None)
    migrate_sqlite(embedded, "sqlite", ":memory:", migrations("sqlite"))
    tables = [row[0] for row in embedded.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    twin = {
        table: [row[1] for row in embedded.execute(f"PRAGMA table_info({table})")]
        for table in tables
        if table != "schema_migrations"
    }
    embedded.close()
    native = {table: columns.split() for table, columns in await connection.fetch(COLUMNS)}
    native = {
        table: columns for table, columns in native.items() if table in twin or table not in ONLY_POSTGRES
    }
    native["cursors"].remove("updated_at")
    for table in ("metrics", "dead_letters"):
        for column in ("time_ns", "accepted_at_ns"):
            native[table].remove(column)
    native["streams"] = [column.removesuffix("_ns") for column in native["streams"]]
    assert native == twin
