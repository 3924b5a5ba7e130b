"""A real PostgreSQL for one test run: started in about a second, stopped, killed and paused at will."""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

from tests.supabase.cluster import ENVIRONMENT, SUPERUSER, Sql, binaries, is_ready, new_cluster
from tests.supabase.processes import (
    PortTakenError,
    Service,
    free_port,
    port_is_free,
    scratch_directory,
    service_account,
)

_STOP = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class DataUnreachableError(Exception):
    """The folder that is to hold the cluster cannot be used by the user that PostgreSQL runs as."""

    def __init__(self, data: Path) -> None:
        self.data = data
        super().__init__(
            f"{data}: PostgreSQL cannot keep data there: it runs as who starts it, for root as nobody, who"
            " must own the cluster and may have to pass through every folder above; choose another folder"
        )


class Postgres:
    """A cluster of its own with the roles of a hosted Supabase project, and the server that serves it.

    Without `fsync` it is faster, survives every kill of a process, and a power cut not at all. `port` 0
    takes a free one; it stays the same over restarts. With `data` the cluster is kept there, else it goes
    with `close`; `in_memory`, where there is enough, making a database takes a fraction of the time.
    Methods wait until what they do is done; none needs an event loop.
    """

    def __init__(
        self,
        *,
        fsync: bool = True,
        in_memory: bool = False,
        port: int = 0,
        data: Path | None = None,
        password: str = "",
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.port = port or free_port()
        self.password = password or secrets.token_urlsafe(24)
        self._account = service_account()
        self._stack = ExitStack()
        self._folder = self._stack.enter_context(scratch_directory(self._account))
        self._data = data or self._place(in_memory) / "data"
        self._bin = binaries(self._account, self._folder)
        self._service = Service("PostgreSQL", self._folder / "log", self._account, signal.SIGQUIT)
        self._passwords_set = False
        self._settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._folder),
            "wal_level": "logical",
            "dynamic_shared_memory_type": "mmap",  # in the data directory: nothing stays behind in /dev/shm
            "fsync": "on" if fsync else "off",
            "full_page_writes": "on" if fsync else "off",
            **settings,
        }

    def _place(self, in_memory: bool) -> Path:
        return self._stack.enter_context(scratch_directory(self._account, in_memory=in_memory))

    def __enter__(self) -> Postgres:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether the server runs, be it paused."""
        return self._service.running

    @property
    def log(self) -> str:
        """What the server has said so far."""
        return self._service.log.read_text(errors="replace")

    def dsn(self, user: str = "postgres", database: str = "postgres", port: int = 0) -> str:
        """The URL for `user` and `database`, at the server or at a proxy's `port` in front of it.

        Users: `postgres`, who owns what migrations make; `authenticator`, as PostgREST comes;
        `supabase_admin`, the superuser.
        """
        return f"postgresql://{user}:{quote(self.password)}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start the server, on a new cluster the first time, and wait until it takes connections.

        Raises PortTakenError, DataUnreachableError, and StartError with the end of the server's log.
        """
        if not port_is_free(self.port):
            raise PortTakenError(self.port, "PostgreSQL")
        self._check_reachable()
        if not (self._data / "PG_VERSION").exists():
            new_cluster(self._data, self._bin, self._account)
        flags = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        self._service.start(
            [str(self._bin / "postgres"), "-D", str(self._data), *flags],
            ENVIRONMENT,
            lambda: is_ready(self._data, self._service.pid),
        )
        if not self._passwords_set:
            users = (SUPERUSER, "postgres", "authenticator")
            self.execute(";".join(f"alter role {user} password '{self.password}'" for user in users))
            self._passwords_set = True

    def _check_reachable(self) -> None:
        self._data.parent.mkdir(parents=True, exist_ok=True)
        owner = self._account.uid if self._account else os.geteuid()
        if self._account is not None and not self._account.enters(self._data.parent):
            raise DataUnreachableError(self._data)
        if self._data.exists() and self._data.stat().st_uid != owner:
            raise DataUnreachableError(self._data)

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop the server: when all clients have gone, at once and in order, or as if it crashed."""
        self._service.stop(_STOP[mode])

    def restart(self) -> None:
        """Stop, dropping every connection, and start again on the same port and data."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """SIGKILL to every process of the server at once."""
        self._service.kill()

    def pause(self) -> None:
        """Stop every process of the server (SIGSTOP): connections open and nobody answers."""
        self._service.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._service.signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop the server and leave nothing behind, except `data` if that was given."""
        self.stop()
        self._forget_shared_memory()
        self._stack.close()

    def execute(self, sql: str, database: str = "postgres", user: str = SUPERUSER) -> str:
        """Run `sql` past port and password, each statement by itself, and return what it selects: a line a
        row, columns parted by `|`. Raises SqlError."""
        return Sql(self._bin, self._folder, self.port)(sql, database, user)

    def create_database(self, name: str = "", template: str = "template1") -> str:
        """Make a database, a copy of `template` to which nobody may be connected, and return its name."""
        name = name or f"test_{secrets.token_hex(6)}"
        self.execute(f"create database {name} template {template} owner postgres", "template1")
        return name

    def drop_database(self, name: str) -> None:
        """Drop database `name`, whoever is connected to it."""
        self.execute(f"drop database if exists {name} with (force)", "template1")

    def _forget_shared_memory(self) -> None:
        """Remove the segment by which a killed server would have been known to its next start."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return
        if len(lines) >= 7:
            _, segment = lines[6].split()
            ctypes.CDLL(None).shmctl(int(segment), 0, None)  # 0 is IPC_RMID
