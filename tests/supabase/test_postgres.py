from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import asyncpg
import pytest

from tests.supabase.cluster import SqlError, binaries
from tests.supabase.postgres import Postgres
from tests.supabase.processes import Account, PortTakenError, StartError, free_port, scratch_directory

pytestmark = pytest.mark.slow  # whole systems or programs of their own


@pytest.fixture
def postgres() -> Postgres:
    """A server for one test, which may do with it what it likes."""
    with Postgres(in_memory=True) as postgres:
        yield postgres


async def test_the_url_needs_the_password(local_postgres: Postgres) -> None:
    """Who knows the password comes in over TCP as the role that he names, and nobody else does."""
    connection = await asyncpg.connect(local_postgres.dsn())
    assert await connection.fetchval("select current_user") == "postgres"
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(local_postgres.dsn(), password="guessed")


async def test_what_was_committed_survives_kill(postgres: Postgres) -> None:
    """A row that was committed is there after SIGKILL to every process and a start on the same port."""
    url, port = postgres.dsn(), postgres.port
    connection = await asyncpg.connect(url)
    await connection.execute("create table kept as select 1 as n")
    postgres.kill()
    assert not postgres.running
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(url)
    connection.terminate()
    postgres.start()
    assert postgres.port == port
    assert postgres.execute("select n from kept") == "1"


async def test_a_stop_drops_connections_and_a_restart_takes_new_ones(postgres: Postgres) -> None:
    """After a restart an old connection is broken and the same URL leads to the same data."""
    connection = await asyncpg.connect(postgres.dsn())
    postgres.restart()
    with pytest.raises((ConnectionError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        await connection.fetchval("select 1")
    again = await asyncpg.connect(postgres.dsn())
    assert await again.fetchval("select 1") == 1
    await again.close()


async def test_paused_nobody_answers_resumed_everybody_does(postgres: Postgres) -> None:
    """A paused server answers neither on an open connection nor on a new one; resumed, it does."""
    connection = await asyncpg.connect(postgres.dsn())
    postgres.pause()
    with pytest.raises(TimeoutError):
        await asyncpg.connect(postgres.dsn(), timeout=0.2)
    waiting = asyncio.ensure_future(connection.fetchval("select 7"))
    await asyncio.wait([waiting], timeout=0.2)
    assert not waiting.done()
    postgres.resume()
    assert await waiting == 7
    await connection.close()


def test_closing_a_killed_server_leaves_no_shared_memory(postgres: Postgres) -> None:
    """Neither a directory nor a segment of System V's remains of a server that was killed and closed."""
    folder = Path(postgres.execute("show data_directory"))
    segment = (folder / "postmaster.pid").read_text().splitlines()[6].split()[1]
    assert segment in _segments()
    postgres.kill()
    postgres.close()
    assert not folder.exists()
    assert segment not in _segments()


def _segments() -> list[str]:
    return [line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]


def test_data_is_kept_where_it_was_asked_for() -> None:
    """A second server on the same folder finds the first one's tables."""
    with Postgres(in_memory=True) as host:  # its folder is one that the server's user can reach
        data = Path(host.execute("show data_directory")).with_name("kept")
        with Postgres(data=data) as first:
            first.execute("create table kept as select 1 as n")
        with Postgres(data=data) as second:
            assert second.execute("select n from kept") == "1"


def test_a_taken_port_is_named(local_postgres: Postgres) -> None:
    """Starting on a port where somebody listens says which port it is."""
    with pytest.raises(PortTakenError, match=str(local_postgres.port)):
        Postgres(port=local_postgres.port).start()


def test_a_failed_start_tells_what_the_server_said() -> None:
    """A setting that the server refuses is in the error, not only in a log that is gone."""
    with pytest.raises(StartError, match="no_such_setting"):
        Postgres(settings={"no_such_setting": "1"}).start()


def test_refused_sql_is_an_error(local_postgres: Postgres) -> None:
    """What psql prints about a refused statement is in the error."""
    with pytest.raises(SqlError, match="no_such_table"):
        local_postgres.execute("select * from no_such_table")


def test_a_free_port_is_none_that_the_kernel_hands_out() -> None:
    """Below the ephemeral range no outgoing connection takes a port while its server restarts."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(free_port() < lowest for _ in range(100))


def test_an_account_reaches_what_the_modes_let_it() -> None:
    """One closed folder on the way is enough to be kept out; its owner passes by his own bits."""
    stranger = Account(65_000, 65_000)
    with scratch_directory(None) as folder:
        inner = folder / "inner"
        inner.mkdir(mode=0o755)
        assert not stranger.reaches(inner)
        assert Account(os.geteuid(), os.getegid()).reaches(inner)
        folder.chmod(0o755)
        assert stranger.reaches(inner)
        inner.chmod(0o711)
        assert not stranger.reaches(inner)
        assert stranger.enters(inner)


def test_binaries_out_of_reach_are_copied() -> None:
    """For a user who cannot reach the installation there is a copy that runs."""
    with scratch_directory(None) as folder:
        copied = binaries(Account(65_000, 65_000), folder, reaches=lambda _: False)
        assert copied.is_relative_to(folder)
        told = subprocess.check_output([copied / "postgres", "--version"], text=True)
    assert told.startswith("postgres (PostgreSQL) 18")
