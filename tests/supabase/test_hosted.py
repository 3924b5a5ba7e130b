"""The local database behaves as a hosted project's does where a migration or a client can tell."""

from __future__ import annotations

import asyncpg
import pytest

from actors.migrations import MigrationFailedError
from sql import migrations
from tests.supabase.client import rest
from tests.supabase.cluster import SqlError
from tests.supabase.databases import migrate
from tests.supabase.postgres import Postgres
from tests.supabase.stack import LocalSupabase


def test_migrations_do_not_run_as_a_superuser(local_postgres: Postgres, local_database: str) -> None:
    """What only a superuser may do fails here as it would fail hosted."""
    with pytest.raises(SqlError, match="permission denied"):
        local_postgres.execute(
            "create event trigger t on sql_drop execute function f()", local_database, "postgres"
        )


def test_a_new_table_is_open_to_anon_until_closed(local_postgres: Postgres, local_database: str) -> None:
    """Hosted, tables in `public` are granted to the API's roles by default: migrations must revoke."""
    local_postgres.execute("create table t (n int)", local_database, "postgres")
    granted = "select has_table_privilege('anon', 't', 'insert')"
    assert local_postgres.execute(granted, local_database) == "t"


def test_channel_policies_can_be_made(local_postgres: Postgres, local_database: str) -> None:
    """A policy on realtime.messages holds: anon may read the topic that it allows, and no other."""
    local_postgres.execute(
        "create policy one on realtime.messages for select to anon using (realtime.topic() = 'metrics')",
        local_database,
        "postgres",
    )
    local_postgres.execute("select realtime.send('{}', 'e', 'metrics')", local_database, "postgres")
    for topic, seen in (("metrics", "1"), ("other", "0")):
        ask = f"set realtime.topic = '{topic}'; set role anon; select count(*) from realtime.messages"
        assert local_postgres.execute(ask, local_database) == seen


async def test_a_changed_schema_is_known_to_postgrest_without_a_restart(supabase: LocalSupabase) -> None:
    """A table that is made while PostgREST runs can be written to shortly after."""
    supabase.postgres.execute("create table late (n int)", supabase.database, "postgres")
    async with rest(supabase) as client:
        for _ in range(1_000):
            if (answer := await client.post("late", json={"n": 1})).status_code == 201:
                break
    assert answer.status_code == 201


async def test_roles_of_the_api_have_their_time_outs(supabase: LocalSupabase) -> None:
    """A statement of the service role may take 8 seconds, one of anon 3."""
    supabase.postgres.execute(
        "create function allowed() returns text return current_setting('statement_timeout')",
        supabase.database,
        "postgres",
    )
    supabase.postgrest.restart()
    async with rest(supabase) as service, rest(supabase, supabase.anon_key) as anon:
        assert (await service.post("rpc/allowed")).json() == "8s"
        assert (await anon.post("rpc/allowed")).json() == "3s"


async def test_migrations_are_applied_once(local_postgres: Postgres, local_database: str) -> None:
    """The first call applies every migration in order, the second none."""
    dsn = local_postgres.dsn(database=local_database)
    applied = await migrate(dsn)
    assert applied == [f"{step.version}_{step.title}" for step in migrations("supabase/migrations")]
    assert applied
    assert await migrate(dsn) == []


async def test_a_refused_migration_is_named(local_postgres: Postgres, local_database: str) -> None:
    """The error says which one and why; nothing of it has been noted as applied."""
    local_postgres.execute("create table metrics (n int)", local_database, "postgres")
    dsn = local_postgres.dsn(database=local_database)
    with pytest.raises(MigrationFailedError, match=r"_create_metrics failed: .*exist"):
        await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("select to_regclass('supabase_migrations.schema_migrations')") is None
    await connection.close()


async def test_databases_of_tests_are_apart(supabase: LocalSupabase) -> None:
    """What one fresh database is given the next one does not have; both are migrated."""
    first, second = await supabase.fresh_database(), await supabase.fresh_database()
    supabase.postgres.execute("create table mine (n int)", first)
    here = "select to_regclass('mine') is not null, to_regclass('metrics') is not null"
    assert supabase.postgres.execute(here, first) == "t|t"
    assert supabase.postgres.execute(here, second) == "f|t"


async def test_renewed_everything_runs_and_nothing_is_left_of_before(supabase: LocalSupabase) -> None:
    """After kill, stop and pause a renewed Supabase answers from an empty database, nothing counted."""
    supabase.postgres.kill()
    supabase.postgrest.pause()
    supabase.stop_router()
    await supabase.renew()
    async with rest(supabase) as client:
        answer = await client.get("metrics")
    assert (answer.status_code, answer.json()) == (200, [])
    assert supabase.faults.count() == 1
