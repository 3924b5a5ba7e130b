"""A store made again from the journal, by the real command, on real databases, interrupted and not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.bench.backlog import prebuilt
from tests.process.forebay import LIMIT, Forebay, environment, eventually
from tests.supabase.databases import Databases
from tests.supabase.fixtures import local_databases, local_postgres
from tests.supabase.postgres import Postgres

__all__ = ["local_databases", "local_postgres"]

COLUMNS = 'journal_id, "offset", name, value, time, kind, unit, source, session, attributes, accepted_at'
ALL = f'SELECT {COLUMNS} FROM metrics ORDER BY journal_id, "offset"'
METRICS = int(os.environ.get("FOREBAY_REBUILD_METRICS", "300000"))
STREAMS = "SELECT * FROM streams ORDER BY name, source, session"

Launch = Callable[..., Forebay]


def body(begin: int, count: int) -> bytes:
    """`count` metrics of every kind and with all their fields, as a client sends them."""
    kinds = ("gauge", "counter", "timer", "histogram", "event")
    return json.dumps(
        [
            {
                "name": f"name.{at % 17}",
                "value": at / 7,
                **({"time": 1_700_000_000_000_000_000 + at * 1_001} if at % 3 else {}),
                "kind": kinds[at % 5],
                "unit": "s" if at % 2 else "",
                "source": f"node-{at % 11}",
                "session": "" if at % 4 else "night",
                **({"attributes": {"n": at, "text": "ü", "on": at % 2 == 0}} if at % 10 == 0 else {}),
            }
            for at in range(begin, begin + count)
        ]
    ).encode()


def ingest(forebay: Forebay, millions: float) -> None:
    """Post so many million metrics in large requests."""
    with httpx.Client(base_url=forebay.url, timeout=LIMIT, trust_env=False) as client:
        for begin in range(0, int(millions * 1_000_000), 25_000):
            headers = {"content-type": "application/json"}
            answer = client.post("/api/metrics", content=body(begin, 25_000), headers=headers)
            assert answer.status_code == 202, answer.text


class Replaying:
    """`forebay journal replay` in `home`, on the journal in its `data`."""

    def __init__(self, home: Path, *arguments: str, **env: str) -> None:
        home.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "actors", "journal", "replay", *arguments],
            cwd=home,
            env=environment({"XDG_STATE_HOME": str(home / "state"), **env}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out, err


def replayed(home: Path, *arguments: str, code: int = 0, **env: str) -> dict[str, Any]:
    """The account of a replay that ran to its end, or to the exit code that is expected."""
    done, out, err = Replaying(home, *arguments, "--json", **env).end()
    assert done == code, (out, err)
    (line,) = out.splitlines()
    return json.loads(line)


def asked(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What the SQLite database at `path` answers; what it is told, it does."""
    with contextlib.closing(sqlite3.connect(path, timeout=LIMIT, isolation_level=None)) as database:
        return database.execute(sql).fetchall()


def contents(path: Path) -> list[list[tuple[Any, ...]]]:
    """All metrics and streams of the SQLite database at `path`."""
    return [asked(path, ALL), asked(path, STREAMS)]


def count(path: Path) -> int:
    """Rows in the SQLite database at `path`; 0 where there is no table yet."""
    with contextlib.suppress(sqlite3.OperationalError):
        return asked(path, "SELECT count(*) FROM metrics")[0][0]
    return 0


def deleted(database: Path) -> None:
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{database}{end}")


@pytest.fixture(scope="module")
def backlog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a journal of 400,000 metrics that no store has seen; to be copied, not to be changed."""
    home = tmp_path_factory.mktemp("backlog")
    prebuilt(str(home / "data"), 400_000)
    return home


@pytest.fixture
def home(backlog: Path, tmp_path: Path) -> Iterator[Path]:
    """A home of its own for a test, with that journal."""
    shutil.copytree(backlog / "data", tmp_path / "home" / "data")
    yield tmp_path / "home"
    shutil.rmtree(tmp_path / "home")


def test_a_deleted_database_is_made_again_row_by_row(launch: Launch) -> None:
    """300,000 metrics, or as many as FOREBAY_REBUILD_METRICS says: the table that `replay` makes equals the
    one that was deleted, in all columns, and so do the streams; `run` goes on behind it without sending
    anything again, and the account balances."""
    forebay = launch().start()
    ingest(forebay, METRICS / 1_000_000)
    forebay.drained(120)
    assert forebay.terminate() == 0
    database, copy = forebay.data / "forebay.db", forebay.home / "copy.db"
    asked(database, f"VACUUM INTO '{copy}'")
    deleted(database)
    account = replayed(forebay.home, "--to", f"sqlite:///{database}")
    assert (account["sent"], account["refused"], account["cursor_moved"]) == (METRICS, 0, True)
    before, after = contents(copy), contents(database)
    assert len(after[0]) == METRICS
    assert after == before
    del before, after
    forebay.start()
    eventually(lambda: len(forebay.logged("store open")) > 1, "the store is open")
    forebay.post([{"name": "one more", "value": 1}])
    forebay.drained()
    assert forebay.terminate() == 0
    opened = forebay.logged("store open")[-1]
    assert (opened["cursor"], opened["lag"]) == (account["done"], 0)
    audit = forebay.audit()
    assert audit.returncode == 0, audit.stdout
    assert f"{METRICS + 1:,}" in audit.stdout


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill"])
def test_an_interrupted_replay_sends_only_the_rest(home: Path, which: signal.Signals) -> None:
    """Stopped half way, by hand or by force: the second run begins where the first was, at most a second's
    worth before, and the table is whole."""
    database = home / "data" / "forebay.db"
    first = Replaying(home, "--to", "sqlite:", "--rate", "100000")
    eventually(lambda: count(database) > 100_000, "100,000 rows are stored")
    first.process.send_signal(which)
    code, out, err = first.end()
    stored = count(database)
    assert 100_000 < stored < 400_000
    if which is signal.SIGINT:
        assert (code, err) == (130, "")
        assert f"{stored:,} metrics sent to sqlite" in out
        assert "the same command goes on from there" in out
    else:
        assert (code, out) == (-signal.SIGKILL, "")
    account = replayed(home, "--to", "sqlite:")
    rest = 400_000 - stored
    assert rest <= account["sent"] <= (rest if which is signal.SIGINT else rest + 120_000)
    assert account["sent"] + account["sent_before"] == 400_000
    assert (count(database), account["cursor"]) == (400_000, account["end"])


def test_many_kills_and_none_is_lost_or_doubled(home: Path) -> None:
    """Killed again and again, wherever it is: in the end the table is that of one undisturbed replay."""
    database = home / "data" / "forebay.db"
    for _ in range(3):
        replaying = Replaying(home, "--to", "sqlite:", "--rate", "100000")
        before = count(database)
        eventually(lambda before=before: count(database) > before + 40_000, "it gets on")
        replaying.process.kill()
        replaying.end()
    account = replayed(home, "--to", "sqlite:")
    assert 0 < account["sent"] < 400_000
    other = home / "undisturbed.db"
    replayed(home, "--to", f"sqlite:///{other}")
    assert contents(database) == contents(other)
    assert account["cursor"] == account["end"]


def test_beside_a_running_process(launch: Launch) -> None:
    """A replay into the store that a process writes to, while it does: nothing is lost or doubled, the
    process goes on, and the cursor is its own."""
    forebay = launch().start()
    ingest(forebay, 0.2)
    forebay.drained(60)
    forebay.rows('DELETE FROM metrics WHERE "offset" < 100000')
    with contextlib.closing(__import__("sqlite3").connect(forebay.data / "forebay.db")) as connection:
        connection.execute('DELETE FROM metrics WHERE "offset" < 100000')
        connection.commit()
    sending = threading.Thread(target=ingest, args=(forebay, 0.2))
    sending.start()
    account = replayed(forebay.home, "--to", "sqlite:")
    sending.join()
    status = forebay.drained(60)
    assert (account["complete"], account["cursor_moved"]) == (True, False)
    assert status["persisted"] == 400_000
    assert status["stores"][0]["last_error"] is None
    assert forebay.rows("SELECT count(*) FROM metrics") == [(400_000,)]
    assert forebay.terminate() == 0
    assert forebay.audit().returncode == 0


def test_postgres_whose_metrics_are_gone_and_cursors_are_not(
    launch: Launch, local_postgres: Postgres, local_databases: Databases
) -> None:
    """The shortfall that nothing else mends: `run` believes the cursor, and the table stays empty; `replay`
    fills it, leaves the cursor where it was, and the audit balances again."""
    database = asyncio.run(local_databases.fresh())
    dsn = local_postgres.dsn(database=database)
    forebay = launch(env={"FOREBAY_STORE": dsn})
    forebay.start()
    ingest(forebay, 0.2)
    forebay.drained(120)
    assert forebay.terminate() == 0

    async def ask(sql: str) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(dsn)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    everything = f'SELECT {COLUMNS}, time_ns, accepted_at_ns FROM metrics ORDER BY journal_id, "offset"'
    before, cursors = asyncio.run(ask(everything)), asyncio.run(ask("SELECT * FROM cursors"))
    assert len(before) == 200_000
    asyncio.run(ask("TRUNCATE metrics"))
    assert forebay.audit().returncode == 1
    name = f"postgresql:127.0.0.1:{local_postgres.port}/{database}"
    account = replayed(forebay.home, "--to", name, FOREBAY_STORE=dsn)
    assert (account["sent"], account["cursor_moved"]) == (200_000, False)
    assert asyncio.run(ask(everything)) == before
    assert asyncio.run(ask("SELECT * FROM cursors")) == cursors
    assert forebay.audit().returncode == 0
