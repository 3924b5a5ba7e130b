"""A Supabase of one's own: PostgreSQL, PostgREST, the peer of Realtime and the gateway, composed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from tests.realtime.peer import RealtimePeer
from tests.supabase.databases import Databases, migrate
from tests.supabase.faults import Faults
from tests.supabase.keys import Keys, new_keys
from tests.supabase.loop_thread import LoopThread
from tests.supabase.postgres import Postgres
from tests.supabase.postgrest import PostgREST
from tests.supabase.router import Router
from tests.supabase.tcp_proxy import TcpProxy


class LocalSupabase:
    """All of it, running from `open` to `close`; both wait, and neither needs an event loop.

    What a client needs: `url`, `anon_key`, `service_role_key`, `db_url`. What a test needs: `faults`, in
    front of PostgREST, `db_faults`, in front of PostgreSQL for who connects through `proxied_db_url`,
    `realtime`, a peer that imitates Supabase Realtime and has faults of its own, and the servers, to stop,
    kill and pause. The PostgreSQL of `databases`, if given, is only borrowed.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        db_port: int = 0,
        data: Path | None = None,
        fsync: bool = True,
        keys: Keys | None = None,
        databases: Databases | None = None,
    ) -> None:
        self.keys = keys or new_keys()
        self.faults = Faults()
        self._databases = databases or Databases(
            Postgres(fsync=fsync, port=db_port, data=data, password=self.keys.database_password)
        )
        self._lent = databases is not None
        self.postgres = self._databases.postgres
        self.database = "postgres"
        """The database that PostgREST serves."""
        self.postgrest = PostgREST(self.postgres.dsn("authenticator"), self.keys.secret)
        self.realtime = RealtimePeer(self.keys)
        self.router = Router(
            self.postgrest.port,
            (self.anon_key, self.service_role_key),
            self.faults,
            port=port,
            realtime=self.realtime,
        )
        self.db_faults = Faults()
        self.db_proxy = TcpProxy(self.postgres.port, self.db_faults)
        self._thread = LoopThread("supabase")

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls, *, port: int = 0, db_port: int = 0, data: Path | None = None, fsync: bool = True
    ) -> AsyncGenerator[LocalSupabase]:
        """One that runs within the block; it has not been migrated."""
        supabase = cls(port=port, db_port=db_port, data=data, fsync=fsync)
        try:
            await asyncio.to_thread(supabase.open)
            yield supabase
        finally:
            await asyncio.to_thread(supabase.close)

    def open(self) -> None:
        """Start everything. Raises PortTakenError, StartError."""
        if not self._lent:
            self.postgres.start()
        self.postgrest.start()
        self._thread.call(self.router.start())
        self._thread.call(self.db_proxy.start())

    def close(self) -> None:
        """Stop everything and leave nothing behind, except the data if a place was given for it."""
        self.clear_faults()
        self._thread.call(self.realtime.stop())
        self._thread.call(self.router.stop())
        self._thread.call(self.db_proxy.stop())
        self._thread.close()
        self.postgrest.close()
        if not self._lent:
            self.postgres.close()

    @property
    def url(self) -> str:
        """SUPABASE_URL."""
        return f"http://127.0.0.1:{self.router.port}"

    @property
    def anon_key(self) -> str:
        """SUPABASE_ANON_KEY."""
        return self.keys.anon

    @property
    def service_role_key(self) -> str:
        """SUPABASE_SERVICE_ROLE_KEY."""
        return self.keys.service_role

    @property
    def db_url(self) -> str:
        """SUPABASE_DB_URL: the database that PostgREST serves, as its owner."""
        return self.postgres.dsn(database=self.database)

    @property
    def proxied_db_url(self) -> str:
        """The same through the proxy that `db_faults` are suffered in."""
        return self.postgres.dsn(database=self.database, port=self.db_proxy.port)

    def environment(self) -> dict[str, str]:
        """What a client wants to find in its environment."""
        return {
            "SUPABASE_URL": self.url,
            "SUPABASE_ANON_KEY": self.anon_key,
            "SUPABASE_SERVICE_ROLE_KEY": self.service_role_key,
            "SUPABASE_DB_URL": self.db_url,
            "SUPABASE_JWT_SECRET": self.keys.secret,
        }

    def clear_faults(self) -> None:
        """Lift every fault."""
        self.faults.clear()
        self.db_faults.clear()
        self.realtime.reset()

    def start_router(self) -> None:
        """Listen again after `stop_router`, on the same port."""
        self._thread.call(self.router.start())

    def stop_router(self) -> None:
        """Drop every client; from now on nobody listens at `url`."""
        self._thread.call(self.router.stop())

    def start_db_proxy(self) -> None:
        """Listen again after `stop_db_proxy`, on the same port."""
        self._thread.call(self.db_proxy.start())

    def stop_db_proxy(self) -> None:
        """Drop every client; from now on nobody listens at `proxied_db_url`."""
        self._thread.call(self.db_proxy.stop())

    async def migrate(self) -> list[str]:
        """Apply what is missing of the migrations to the database that PostgREST serves; their names."""
        return await migrate(self.db_url)

    async def fresh_database(self) -> str:
        """The name of a new, migrated database that nobody else uses; see `postgres.dsn(database=…)`."""
        return await self._databases.fresh()

    async def renew(self) -> None:
        """Let PostgREST serve a new, migrated database, run what was stopped, lift faults, count anew."""
        self.clear_faults()
        self.faults.forget()
        self.db_faults.forget()
        await asyncio.to_thread(self.revive)
        former, self.database = self.database, await self.fresh_database()
        self.postgrest.database_url = self.postgres.dsn("authenticator", self.database)
        await asyncio.to_thread(self.postgrest.restart)
        if former != "postgres":
            await self._databases.drop(former)

    def revive(self) -> None:
        """Whatever was stopped, killed or paused runs again."""
        for server in (self.postgres, self.postgrest):
            if server.running:
                server.resume()
            else:
                server.start()
        if not self.router.running:
            self.start_router()
        if not self.db_proxy.running:
            self.start_db_proxy()
