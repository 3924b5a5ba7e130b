from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import asyncpg
import pytest

from actors.cli import db
from actors.cli.exits import explain
from actors.cli.shell import Parser
from actors.migrations import Applied, compare, migrate_postgres, same_text, statements
from sql import Migration, migrations
from tests.supabase.fixtures import local_database, local_postgres
from tests.supabase.postgres import Postgres

__all__ = ["local_database", "local_postgres"]

POSTGRES = migrations("supabase/migrations")

Forebay: TypeAlias = Callable[..., tuple[int, str, str]]


@pytest.fixture
def forebay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Forebay:
    """Runs `forebay db …` in an empty directory; returns exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        parser = Parser(prog="forebay db")
        db.add(parser)
        try:
            code, lines = db.run(parser.parse_args(arguments)), []
        except Exception as error:  # noqa: BLE001 - as the shell does
            code, lines = explain(error)
        out, _ = capsys.readouterr()
        return code, out, "\n".join(lines)

    return run


@pytest.fixture
def url(local_postgres: Postgres, local_database: str) -> str:
    return local_postgres.dsn(database=local_database)


def states(output: str) -> list[str]:
    (store,) = json.loads(output)
    return [migration["state"] for migration in store["migrations"]]


def test_sqlite_from_nothing_to_up_to_date(forebay: Forebay, tmp_path: Path) -> None:
    """Pending, would apply, applied, up to date; and looking makes no file."""
    code, out, _ = forebay("status", "--json")
    assert (code, set(states(out))) == (1, {"pending"})
    code, out, _ = forebay("migrate", "--dry-run")
    assert (code, out.count("would apply")) == (0, len(migrations("sqlite")))
    assert list(tmp_path.iterdir()) == []
    code, out, _ = forebay("migrate")
    assert (code, out.count("applied")) == (0, len(migrations("sqlite")))
    assert "up to date" in forebay("migrate")[1]
    code, out, _ = forebay("status", "--json")
    assert (code, set(states(out))) == (0, {"applied"})


def test_what_cannot_be_looked_at_is_not_pending(forebay: Forebay, tmp_path: Path) -> None:
    """Whether a migration is applied in a database that cannot be reached is not known."""
    (tmp_path / "file").touch()
    code, out, told = forebay("status", "--store", f"sqlite:///{tmp_path}/file/x.db")
    assert (code, out) == (1, "")
    assert "Not a directory" in told


def test_sqlite_edited_and_unknown(forebay: Forebay, tmp_path: Path) -> None:
    """A text that is no longer the one that was applied is told and fails; so does migrating then."""
    forebay("migrate")
    database = sqlite3.connect(tmp_path / "data" / "forebay.db")
    with database:
        database.execute("UPDATE schema_migrations SET digest = 'another'")
        database.execute("INSERT INTO schema_migrations VALUES ('29990101000000', 'add_wings', '', 0)")
    database.close()
    code, out, _ = forebay("status")
    assert code == 1
    assert out.splitlines()[0].startswith("edited")
    assert out.splitlines()[-1].startswith("unknown  29990101000000_add_wings")
    code, _, told = forebay("migrate")
    assert code == 1
    assert "29990101000000" in told


def test_postgres_from_nothing_to_up_to_date(forebay: Forebay, url: str) -> None:
    """Pending, would apply, applied, up to date; the password is in nothing that is printed."""
    said = [forebay("status", "--store", url, "--json"), forebay("migrate", "--dry-run", "--store", url)]
    assert [code for code, _, _ in said] == [1, 0]
    assert set(states(said[0][1])) == {"pending"}
    assert said[1][1].count("would apply") == len(POSTGRES)
    said += [forebay("migrate", "--store", url), forebay("migrate", "--store", url)]
    assert said[2][1].count("applied") == len(POSTGRES)
    assert "up to date" in said[3][1]
    said += [forebay("status", "--store", url, "--json"), forebay("status", "--store", url)]
    assert (said[4][0], set(states(said[4][1]))) == (0, {"applied"})
    password = url.split(":")[2].split("@")[0]
    assert all(password not in text for _, *texts in said for text in texts)


def test_postgres_remembers_as_the_supabase_cli_does(
    forebay: Forebay, url: str, local_postgres: Postgres, local_database: str
) -> None:
    """What the CLI has applied is applied for us, with its own columns, and the other way round."""
    local_postgres.execute(
        "create schema supabase_migrations;"
        "create table supabase_migrations.schema_migrations (version text not null primary key);"
        "insert into supabase_migrations.schema_migrations values ('20200101000000')",
        local_database,
        "postgres",
    )
    code, out, _ = forebay("status", "--store", url, "--json")
    assert (code, states(out)) == (1, ["unknown", *["pending"] * len(POSTGRES)])
    assert forebay("migrate", "--store", url)[0] == 0
    found = local_postgres.execute(
        "select version, name, cardinality(statements) from supabase_migrations.schema_migrations order by 1",
        local_database,
    )
    assert found.splitlines()[1:] == [
        f"{step.version}|{step.title}|{len(statements(step.sql))}" for step in POSTGRES
    ]
    assert forebay("status", "--store", url)[0] == 0


def test_postgres_edited(forebay: Forebay, url: str, local_postgres: Postgres, local_database: str) -> None:
    """A migration that was another when it was applied is told by name, and nothing more is applied."""
    forebay("migrate", "--store", url)
    local_postgres.execute(
        "update supabase_migrations.schema_migrations set statements = '{select 1}'"
        " where name = 'create_cursors';"
        "delete from supabase_migrations.schema_migrations where name = 'open_channel'",
        local_database,
    )
    code, out, _ = forebay("status", "--store", url, "--json")
    assert code == 1
    assert sorted(set(states(out))) == ["applied", "edited", "pending"]
    code, out, told = forebay("migrate", "--store", url)
    assert (code, out) == (1, "")
    assert "create_cursors differs from what was applied" in told


async def test_two_at_once_apply_everything_once(url: str) -> None:
    """The second waits for the first, and finds each migration applied."""
    done = await asyncio.gather(*(migrate_postgres("postgresql", url) for _ in range(3)))
    assert sorted(step.version for steps in done for step in steps) == [step.version for step in POSTGRES]


async def test_who_writes_meanwhile_finds_all_tables_or_none(url: str) -> None:
    """While a migration waits in the middle nothing of those before it is to be seen: a metric that came then
    would be stored, and counted nowhere."""
    other, seeing = await asyncpg.connect(url), await asyncpg.connect(url)
    await other.execute("BEGIN; CREATE TABLE public.dead_letters (mine text)")
    migrating = asyncio.ensure_future(migrate_postgres("postgresql", url))
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%dead_letters%'"
    )
    async with asyncio.timeout(60):
        while not await seeing.fetchval(waiting):
            assert not migrating.done()
    assert await seeing.fetchval("SELECT to_regclass('public.metrics')") is None
    await other.execute("ROLLBACK")
    assert len(await migrating) == len(POSTGRES)
    assert await seeing.fetchval("SELECT to_regclass('public.metrics')") is not None
    await other.close()
    await seeing.close()


async def test_a_migration_that_fails_leaves_those_before_it(url: str) -> None:
    """Each is whole or absent: what stands in the way of the third is told, and two are applied."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE dead_letters (mine text)")
    with pytest.raises(Exception, match=r"create_dead_letters failed: .*already exists"):
        await migrate_postgres("postgresql", url)
    rows = await connection.fetch("SELECT name FROM supabase_migrations.schema_migrations")
    assert [row[0] for row in rows] == ["create_metrics", "create_cursors"]
    await connection.close()


def test_a_supabase_store_names_the_variable_that_is_missing(
    forebay: Forebay, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without SUPABASE_DB_URL the error says so, exit code 2; with it, the tables are made there."""
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "key")
    code, _, told = forebay("status", "--store", "supabase:")
    assert code == 2
    assert "SUPABASE_DB_URL" in told
    monkeypatch.setenv("SUPABASE_DB_URL", url)
    assert forebay("migrate", "--store", "supabase:")[0] == 0
    assert forebay("status", "--store", "supabase:")[0] == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("@127.0.0.1:1/", "cannot be reached"),
        ("/nowhere", 'refuses us: database "nowhere" does not exist; see user, password and database'),
        (":wrong@", "refuses us: password authentication failed"),
    ],
)
def test_a_database_that_cannot_be_had_is_one_line(
    forebay: Forebay, url: str, change: str, told: str
) -> None:
    """Refused, absent or denied: exit code 1 and one line with the reason, without the password."""
    head, _, address = url.rpartition("@")
    user, _, password = head.rpartition(":")
    match change[0]:
        case "@":
            bad = f"{head}{change}postgres"
        case "/":
            bad = f"{head}@{address.partition('/')[0]}{change}"
        case _:
            bad = f"{user}{change}{address}"
    code, out, lines = forebay("migrate", "--store", bad)
    assert (code, out, lines.count("\n")) == (1, "", 0)
    assert told in lines
    assert password not in lines


def test_one_store_that_fails_does_not_hold_up_another(forebay: Forebay, tmp_path: Path) -> None:
    """The embedded store is migrated although PostgreSQL before it is away, and the exit code is 1."""
    away = "postgresql://me:hush@127.0.0.1:1/d"
    code, out, told = forebay("migrate", "--store", away, "--store", f"sqlite:///{tmp_path}/x.db")
    assert code == 1
    assert "applied" in out
    assert "hush" not in out + told


def test_scripts_are_split_as_the_supabase_cli_splits_them() -> None:
    """Semicolons in comments, texts, names and dollar quotes end nothing; comments stay with what follows."""
    script = (
        "-- a; b\nSELECT 'x;''y' ;\n\nDO $b_1$ BEGIN; END $b_1$;;\nSELECT \";\", $$;$$ /* ; */; -- end;\n"
    )
    assert statements(script) == [
        "-- a; b\nSELECT 'x;''y'",
        "DO $b_1$ BEGIN; END $b_1$",
        'SELECT ";", $$;$$ /* ; */',
        "-- end;",
    ]


def test_a_text_is_the_same_whatever_its_white_space() -> None:
    """Line ends of another system are no edit, a word more is, and what was not recorded cannot be told."""
    assert same_text("SELECT 1;\n\nSELECT 2;", ["SELECT\r\n1", "SELECT 2"])
    assert same_text("SELECT 1;", ["SELECT 1, 2"]) is False
    assert same_text("SELECT 1;", None) is None


def test_both_sides_are_compared() -> None:
    """Files and database, oldest first: applied, edited, pending, and what has no file."""
    known = [Migration(version, "make_it", "SELECT 1") for version in ("1", "2", "3")]
    applied = {"1": Applied("make_it", None), "3": Applied("make_it", False), "4": Applied("theirs", None)}
    assert [(found.version, found.state) for found in compare(known, applied)] == [
        ("1", "applied"),
        ("2", "pending"),
        ("3", "edited"),
        ("4", "unknown"),
    ]
