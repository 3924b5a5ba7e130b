"""The real process, `python -m actors run`, for tests to start, ask, starve and kill."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.supabase.processes import free_port

ROOT = Path(__file__).parents[2]
LIMIT = 60.0
"""Seconds after which a test that waits for something has failed."""

T = TypeVar("T")


def eventually(condition: Callable[[], T], what: str, seconds: float = LIMIT) -> T:
    """What `condition` returns once that is true. Raises TimeoutError that says `what` did not come."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.01)
    return value


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This environment without any setting of Forebay's, and with `extra`."""
    ours = ("FOREBAY_", "METRICS_PERSISTER_", "RESILIENCE_", "SUPABASE_", "NOTIFY_", "WATCHDOG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error::ResourceWarning", **extra}


class Forebay:
    """One data directory and port, and the process that serves them, started as often as a test likes."""

    def __init__(
        self,
        home: Path,
        *flags: str,
        env: Mapping[str, str] | None = None,
        port: int = 0,
        program: Sequence[str] = ("-m", "actors"),
        **popen: Any,
    ) -> None:
        self.home = home
        self.data = home / "data"
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = dict(env or {})
        self.log_path = home / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self._flags = flags
        self._program = program
        self._popen = popen
        self._client = httpx.Client(base_url=self.url, timeout=LIMIT, trust_env=False)
        home.mkdir(parents=True, exist_ok=True)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        assert self.process is not None
        return self.process.poll()

    def spawn(self) -> Forebay:
        """Start the process and return at once."""
        assert self.process is None or self.process.poll() is not None
        arguments = ["run", "--data", str(self.data), "--port", str(self.port), *self._flags]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self._program, *arguments],
                cwd=self.home,
                env=environment(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._popen,
            )
        return self

    def start(self, seconds: float = LIMIT) -> Forebay:
        """Start the process and return when /readyz says 200."""
        self.spawn()
        eventually(lambda: self.readiness() == 200 or self.code is not None, "/readyz says 200", seconds)
        assert self.code is None, f"left with {self.code} instead of getting ready:\n{self.log()}"
        return self

    def readiness(self) -> int | None:
        """The status of /readyz; None where nobody answers."""
        try:
            return self._client.get("/readyz").status_code
        except httpx.TransportError:
            return None

    def signal(self, which: signal.Signals) -> None:
        os.kill(self.pid, which)

    def wait(self, seconds: float = LIMIT) -> int:
        """The exit code, once it has left."""
        assert self.process is not None
        return self.process.wait(seconds)

    def terminate(self, seconds: float = LIMIT) -> int:
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(LIMIT)

    def close(self) -> None:
        """See to it that nothing is left running."""
        if self.process is not None:
            self.kill()
        self._client.close()

    def post(self, metrics: Any, key: str = "") -> httpx.Response:
        """POST `metrics` as JSON."""
        headers = {"idempotency-key": key} if key else {}
        return self._client.post("/api/metrics", json=metrics, headers=headers)

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path)

    def status(self) -> dict[str, Any]:
        """GET /api/status."""
        return self._client.get("/api/status").raise_for_status().json()

    def store(self, name: str = "sqlite") -> dict[str, Any]:
        """One store's part of the status."""
        return next(store for store in self.status()["stores"] if store["name"] == name)

    def drained(self, seconds: float = LIMIT) -> dict[str, Any]:
        """The status, once every store holds everything."""

        def level() -> dict[str, Any] | None:
            status = self.status()
            return status if all(store["lag"] == 0 for store in status["stores"]) else None

        return eventually(level, "every store holds everything", seconds)

    def log(self) -> str:
        """All that the process has said."""
        return self.log_path.read_text() if self.log_path.exists() else ""

    def events(self) -> list[dict[str, Any]]:
        """The log, line by line; lines that are not JSON, such as a last word on stderr, left out."""
        found: list[dict[str, Any]] = []
        for line in self.log().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                found.append(json.loads(line))
        return found

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log's lines whose event contains `event`."""
        return [each for each in self.events() if event in str(each.get("event"))]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command of Forebay's, run to its end."""
        return subprocess.run(
            [sys.executable, "-m", "actors", *arguments],
            cwd=self.home,
            env=environment(self.env),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def audit(self) -> subprocess.CompletedProcess[str]:
        """`forebay audit` of the data directory."""
        return self.command("audit", "--data", str(self.data))

    def rows(self, sql: str, *values: Any, path: Path | None = None) -> list[tuple[Any, ...]]:
        """What the embedded store, or the database at `path`, answers to `sql`."""
        with contextlib.closing(sqlite3.connect(path or self.data / "forebay.db", timeout=LIMIT)) as database:
            return database.execute(sql, values).fetchall()

    def values(self, path: Path | None = None) -> list[float]:
        """The stored metrics' values in order of offset."""
        return [value for (value,) in self.rows('SELECT value FROM metrics ORDER BY "offset"', path=path)]

    def resident(self) -> int:
        """Bytes of memory in use."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def writing_lock(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the database at `path` as another process would that writes to it and takes its time."""
    with contextlib.closing(sqlite3.connect(path, timeout=LIMIT, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield other
        finally:
            other.execute("ROLLBACK")


def numbers(begin: int, count: int, name: str = "n") -> list[dict[str, Any]]:
    """`count` metrics whose values count up from `begin`."""
    return [{"name": name, "value": value} for value in range(begin, begin + count)]


def say(text: str) -> None:
    """Say `text` where pytest shows it: with -s at once, otherwise beside a failure."""
    sys.stdout.write(text + "\n")
