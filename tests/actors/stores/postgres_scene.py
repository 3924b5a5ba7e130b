"""What the tests of the native store share: a migrated database, a store on it, and who is in its way."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from actors.stores.postgres import PostgresStore
from tests.contracts.store_rows import new_journal
from tests.supabase.cluster import SUPERUSER
from tests.supabase.faults import Faults
from tests.supabase.fixtures import local_databases, local_postgres, migrated_database
from tests.supabase.postgres import Postgres
from tests.supabase.tcp_proxy import TcpProxy

__all__ = ["Scene", "local_databases", "local_postgres", "migrated_database", "scene"]

PATIENCE = 60.0
"""Seconds after which what should have happened has not."""


class Scene:
    """A database of its own, and a proxy in front of it that suffers `faults`."""

    def __init__(self, postgres: Postgres, database: str) -> None:
        self.postgres = postgres
        self.database = database
        self.dsn = postgres.dsn(database=database)
        self.faults = Faults()
        self._proxy = TcpProxy(postgres.port, self.faults)
        self._stores: list[PostgresStore] = []

    async def __aenter__(self) -> Scene:
        await self._proxy.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.faults.clear()
        for store in self._stores:
            await store.close()
        await self._proxy.stop()

    async def store(
        self, journal_id: str = "", name: str = "pg", *, within: float = 20.0, proxied: bool = False
    ) -> PostgresStore:
        """A store, open, that is closed with the scene."""
        dsn = self.postgres.dsn(database=self.database, port=self._proxy.port) if proxied else self.dsn
        store = PostgresStore(dsn, name, timeout=within)
        self._stores.append(store)
        await store.open(journal_id or new_journal())
        return store

    def sql(self, statement: str) -> str:
        """What `statement` selects, run as the superuser past the store."""
        return self.postgres.execute(statement, self.database)

    def count(self) -> tuple[int, int]:
        """How many metrics there are, and how many the streams have counted."""
        metrics, streams = self.sql(
            "select (select count(*) from metrics), (select coalesce(sum(count), 0) from streams)"
        ).split("|")
        return int(metrics), int(streams)

    @contextlib.asynccontextmanager
    async def locked(self, table: str) -> AsyncGenerator[asyncpg.Connection]:
        """Nobody else reads or writes `table` within the block."""
        connection = await asyncpg.connect(self.postgres.dsn(SUPERUSER, self.database))
        try:
            await connection.execute(f"begin; lock table {table} in access exclusive mode")
            yield connection
        finally:
            await connection.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition`, PATIENCE at most."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it never happened"
            await asyncio.sleep(0.02)

    async def until_waiting(self) -> None:
        """Wait until a statement of a store waits for a lock."""
        await self.until(lambda: self.backends("wait_event_type = 'Lock'") > 0)

    def backends(self, which: str = "true") -> int:
        """How many connections of stores there are, of those that fit."""
        return int(
            self.sql(
                "select count(*) from pg_stat_activity where application_name = 'forebay'"
                f" and datname = current_database() and {which}"
            )
        )


@pytest.fixture
async def scene(local_postgres: Postgres, migrated_database: str) -> AsyncIterator[Scene]:
    """A migrated, empty database for one test."""
    async with Scene(local_postgres, migrated_database) as scene:
        yield scene


async def took(work: Awaitable[object]) -> tuple[float, BaseException | None]:
    """How many seconds `work` lasted, and what it raised."""
    began = time.monotonic()
    raised: BaseException | None = None
    try:
        await work
    except Exception as error:  # noqa: BLE001 whoever asks looks at it
        raised = error
    return time.monotonic() - began, raised
