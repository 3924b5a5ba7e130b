from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.supabase.processes import HERE, free_port, port_is_free

LIMIT = 60.0
pytestmark = pytest.mark.slow


class Command:
    """`python -m tests.supabase` on free ports, and what it has started."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.ports = free_port(), free_port()
        self.env_file = folder / ".env"
        self.temporary = folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        port, db_port = map(str, self.ports)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.supabase", "--port", port, "--db-port", db_port, *flags],
            cwd=HERE.parents[1],
            env={**os.environ, "TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until_ready(self) -> dict[str, str]:
        """Wait for the block on standard output; the variables in it."""
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline().strip() for _ in range(5)]
        pairs = (line.removeprefix("export ").partition("=") for line in lines)
        return {name: value.strip("'") for name, _, value in pairs}

    def started(self) -> list[psutil.Process]:
        """Every process that it has started."""
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that the user who PostgreSQL runs as can reach; pytest's own is closed to others."""
    folder = Path("/tmp") / f"forebay-test-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir(mode=0o755)
    yield folder
    subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.fixture
def command(reachable: Path) -> Iterator[Callable[..., Command]]:
    """Starts commands; none is left running at the end."""
    made: list[Command] = []

    def start(*flags: str) -> Command:
        made.append(Command(reachable, *flags))
        return made[-1]

    yield start
    for one in made:
        with contextlib.suppress(ProcessLookupError):
            one.process.terminate()
        one.process.communicate()


def gone(condition: Callable[[], bool]) -> bool:
    """Whether `condition` comes true in time."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_it_leaves_nothing_behind(
    command: Callable[..., Command], number: signal.Signals
) -> None:
    """After Ctrl-C, SIGTERM and even SIGKILL neither process nor port nor temporary file remains, nor a row:
    what keeps those is told."""
    one = command()
    one.until_ready()
    started = one.started()
    assert len(started) > 3
    one.process.send_signal(number)
    assert one.process.wait(LIMIT) == (-number if number == signal.SIGKILL else 0)
    assert gone(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in started))
    assert gone(lambda: not list(one.temporary.iterdir()))
    assert all(map(port_is_free, one.ports))
    assert one.process.communicate()[1].endswith("--data DIR keeps that\n")


def test_interrupted_while_it_starts_it_leaves_nothing_behind(command: Callable[..., Command]) -> None:
    """A signal before it is ready ends it as well."""
    one = command()
    assert gone(lambda: bool(list(one.temporary.glob("*/data"))))
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(LIMIT) == 0
    assert gone(lambda: not list(one.temporary.iterdir()))


def test_what_is_printed_is_written_and_kept(command: Callable[..., Command], reachable: Path) -> None:
    """The env file holds what is printed, for its owner alone; with --data, keys and tables come back."""
    flags = ("--data", str(reachable / "data"), "--env-file", str(reachable / ".env"))
    one = command(*flags)
    first = one.until_ready()
    names = ("URL", "ANON_KEY", "SERVICE_ROLE_KEY", "DB_URL", "JWT_SECRET")
    assert set(first) == {f"SUPABASE_{name}" for name in names}
    assert one.env_file.read_text() == "".join(f"{name}={value}\n" for name, value in first.items())
    assert one.env_file.stat().st_mode & 0o777 == 0o600
    one.process.terminate()
    _, said = one.process.communicate()
    assert "migrated: " in said
    assert said.endswith("ready; Ctrl-C ends it\n")
    other = command(*flags)
    second = other.until_ready()
    assert second["SUPABASE_SERVICE_ROLE_KEY"] == first["SUPABASE_SERVICE_ROLE_KEY"]
    other.process.terminate()
    _, said = other.process.communicate()
    assert "migrated: " not in said


@pytest.mark.parametrize("which", [0, 1])
def test_a_taken_port_is_an_error_that_says_what_to_do(command: Callable[..., Command], which: int) -> None:
    """With somebody on one of its ports it starts nothing, names the port, and leaves with 2."""
    one = command()
    one.until_ready()
    flags = ["--port", "--db-port"]
    second = command(flags[which], str(one.ports[which]))
    _, said = second.process.communicate(timeout=LIMIT)
    assert second.process.returncode == 2
    assert f"port {one.ports[which]} for" in said
    assert "--db-port" in said
    assert one.process.poll() is None


def test_a_server_that_dies_ends_it(command: Callable[..., Command]) -> None:
    """When PostgreSQL is killed from outside the command says so and leaves with 1."""
    one = command()
    one.until_ready()
    next(child for child in one.started() if child.name() == "postgres").kill()
    _, said = one.process.communicate(timeout=LIMIT)
    assert (one.process.returncode, said.splitlines()[-1]) == (1, "supabase: a server ended by itself")
