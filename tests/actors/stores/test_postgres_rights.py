"""What the native store says where it may not, or where the tables are not ours."""

from __future__ import annotations

import asyncio

import pytest

from actors.stores.base import DeniedError, OutageError
from actors.stores.postgres import PostgresStore
from journal.metric import Offset
from tests.actors.stores.postgres_scene import (
    Scene,
    local_databases,
    local_postgres,
    migrated_database,
    scene,
)
from tests.contracts.store_rows import new_journal, plain, stored

__all__ = ["local_databases", "local_postgres", "migrated_database", "scene"]


@pytest.mark.parametrize("table", ["metrics", "cursors"])
async def test_a_missing_table_says_what_to_run(scene: Scene, table: str) -> None:
    """A database that was not migrated is a fault of configuration, found at opening and at writing."""
    store = await scene.store()
    scene.sql(f"drop table {table} cascade")
    journal_id = new_journal()
    for ask in (store.write(plain(0, 1), Offset(1)), store.open(journal_id), store.look(journal_id)):
        with pytest.raises(DeniedError, match="run `forebay db migrate`"):
            await ask


async def test_a_database_without_any_table_is_denied(scene: Scene) -> None:
    """Neither open nor look makes tables."""
    empty = await asyncio.to_thread(scene.postgres.create_database)
    store = PostgresStore(scene.postgres.dsn(database=empty), "pg")
    for ask in (store.open, store.look):
        with pytest.raises(DeniedError, match="run `forebay db migrate`"):
            await ask(new_journal())
    await store.close()
    assert scene.postgres.execute("select count(*) from pg_tables where schemaname = 'public'", empty) == "0"
    await asyncio.to_thread(scene.postgres.drop_database, empty)


async def test_whoever_may_not_is_denied_and_no_password_is_told(scene: Scene) -> None:
    """Wrong password, unknown role, unknown database, missing right: denied, without a secret in the text."""
    dsn, password = scene.dsn, scene.postgres.password
    wrong = [
        dsn.replace(password, "geheim"),
        dsn.replace("//postgres:", "//nobody:"),
        dsn.replace(scene.database, "nowhere"),
        scene.postgres.dsn("authenticator", scene.database),
        dsn + "?sslmode=require",
        dsn + "?sslmode=geheim",
    ]
    for each in wrong:
        store = PostgresStore(each, "pg")
        with pytest.raises(DeniedError) as caught:
            await store.open(new_journal())
        assert password not in str(caught.value)
        assert "geheim" not in str(caught.value) or "sslmode" in str(caught.value)
        await store.close()


async def test_a_look_changes_nothing_and_needs_no_right_to_write(scene: Scene) -> None:
    """A role that may only read sees cursor and rows."""
    journal_id = new_journal()
    store = await scene.store(journal_id)
    await store.write(plain(0, 5), Offset(7))
    scene.sql("create role looker login password 'x'; grant forebay_reader to looker with inherit true")
    try:
        dsn = scene.dsn.replace(f"postgres:{scene.postgres.password}", "looker:x")
        looking = PostgresStore(dsn, "pg")
        assert await looking.look(journal_id) == 7
        assert len(await stored(looking)) == 5
        with pytest.raises(OutageError, match="not open"):
            await looking.write(plain(5, 6), Offset(8))
        await looking.close()
    finally:
        scene.sql("drop owned by looker; drop role looker")
