from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actors.cli.exits import CommandError, explain
from actors.cli.shell import COMMANDS
from actors.config import ConfigurationError, Problem
from actors.stores.base import OutageError
from journal.disk import DirectoryInUseError, exclusive_lock
from journal.segment import JournalCorruptError

pytestmark = pytest.mark.slow  # whole systems or programs of their own

ROOT = Path(__file__).parents[3]
OURS = ("actors", "web", "journal")


def clean_environment(**more: str) -> dict[str, str]:
    ours = ("FOREBAY_", "METRICS_PERSISTER_", "RESILIENCE_", "SUPABASE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def forebay(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "actors", *arguments],
        cwd=cwd,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_teaches_by_example(command: str, tmp_path: Path) -> None:
    """`forebay COMMAND --help` exits 0, fits a terminal and has at least one line that can be typed."""
    done = forebay(command, "--help", cwd=tmp_path, COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert "examples:" in done.stdout
    assert f"forebay {command}" in done.stdout.partition("examples:")[2]
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_help_lists_every_command_and_imports_none(tmp_path: Path) -> None:
    """`forebay --help` names each command and exit code, and imports nothing heavy to do so."""
    done = forebay("--help", cwd=tmp_path, COLUMNS="80")
    assert done.returncode == 0
    assert all(f"    {name} " in done.stdout for name in COMMANDS)
    assert max(map(len, done.stdout.splitlines())) <= 80
    heavy = "{'httpx', 'uvicorn', 'structlog', 'msgspec', 'anyio', 'asyncio'}"
    probe = "import sys; from actors.cli.shell import main; main(['--help']); "
    code = f"{probe} sys.exit(len({heavy} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode
        == 0
    )


def test_version(tmp_path: Path) -> None:
    """`forebay --version` says the version of the package."""
    from actors import __version__

    assert forebay("--version", cwd=tmp_path).stdout == f"forebay {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("rnu",), "invalid choice: 'rnu'"),
        (("config", "--prot", "1"), "unrecognized arguments: --prot 1"),
        (("config", "--port"), "config: argument --port: expected one argument"),
        (("demo", "--rate", "fast"), "argument --rate: 'fast' must be a number"),
        (("config", "--port", "x"), "flag --port: port = 'x': must be a whole number from 0 to 65535"),
        (("config", "--config", "absent.toml"), "absent.toml: no such file"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """A usage error is exit code 2 and one line on stderr that says what is wrong."""
    done = forebay(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("forebay: ")
    assert said in done.stderr


def test_bad_configuration_is_told_whole(tmp_path: Path) -> None:
    """Two problems in two places are two lines and exit code 2, whichever command reads the settings."""
    (tmp_path / "forebay.toml").write_text("prot = 1\n")
    for command in ("run", "validate", "config", "status", "audit", "demo"):
        done = forebay(command, cwd=tmp_path, FOREBAY_DURABILITY="high")
        assert (done.returncode, done.stdout) == (2, ""), command
        assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["forebay", "forebay"]
        assert "did you mean port?" in done.stderr


def test_debug_shows_where_an_error_came_from(tmp_path: Path) -> None:
    """The traceback is there with --debug, before or after the command, and only then."""
    url = "http://127.0.0.1:1"
    plain = forebay("status", "--url", url, cwd=tmp_path)
    assert (plain.returncode, len(plain.stderr.splitlines())) == (1, 1)
    for arguments in (("--debug", "status", "--url", url), ("status", "--url", url, "--debug")):
        assert "Traceback" in forebay(*arguments, cwd=tmp_path).stderr


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """`forebay config | head -0` writes nothing to stderr."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "actors", "config"],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_a_narrow_encoding_is_no_error(tmp_path: Path) -> None:
    """What stdout cannot encode is escaped: `✓` in ASCII."""
    done = forebay("validate", "--port", "0", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("\\u2713 data directory")


def test_closed_streams_are_no_error(tmp_path: Path) -> None:
    """`forebay config >&- 2>&-` as some schedulers start programs."""
    command = [sys.executable, "-m", "actors", "config"]
    done = subprocess.run(
        ["sh", "-c", '"$@" >&- 2>&-', "sh", *command],
        cwd=tmp_path,
        env=clean_environment(),
        timeout=60,
        check=False,
    )
    assert done.returncode == 0


def test_ctrl_c(tmp_path: Path) -> None:
    """SIGINT ends a command that waits with exit code 130 and without a traceback."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", "actors", "status", "--url", url],
            cwd=tmp_path,
            env=clean_environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        silent.settimeout(30)
        connection, _ = silent.accept()
        with connection:
            connection.recv(1)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            ConfigurationError([Problem("a", "here", "bad"), Problem("b", "there", "bad")]),
            2,
            ["here: bad", "there: bad"],
        ),
        (CommandError("no"), 1, ["no"]),
        (DirectoryInUseError("data", 7), 4, ["data: in use by process 7"]),
        (JournalCorruptError("x.segment", 5, None, "chain broken"), 3, ["x.segment: byte 5: chain broken"]),
        (OutageError("sqlite", "gone"), 1, ["store sqlite: gone"]),
        (PermissionError(13, "Permission denied", "data"), 1, ["data: Permission denied; run as the one"]),
        (FileExistsError(17, "File exists", "data"), 1, ["data: File exists; a directory is needed"]),
        (OSError(28, "No space left on device"), 1, ["No space left on device; make room"]),
        (OSError(5, "Input/output error", "data"), 1, ["data: Input/output error; look at the disk"]),
        (KeyboardInterrupt(), 130, []),
        (ZeroDivisionError("x"), 1, ["internal error: ZeroDivisionError: x"]),
        (
            ExceptionGroup("g", [CommandError("no"), ExceptionGroup("h", [DirectoryInUseError("d", None)])]),
            4,
            ["no", "d"],
        ),
    ],
)
def test_exit_codes(error: BaseException, code: int, said: list[str]) -> None:
    """Each condition has the exit code of the contract; in a group the gravest counts and all are told."""
    found, lines = explain(error)
    assert found == code
    assert len(lines) == len(said)
    assert all(line.startswith(start) for line, start in zip(lines, said, strict=True))


def test_the_cause_counts() -> None:
    """An error that only says that something failed to start has the exit code of its cause."""
    error = RuntimeError("could not start")
    error.__cause__ = JournalCorruptError("x.segment", 5, None, "chain broken")
    assert explain(error)[0] == 3


def test_a_directory_in_use_is_exit_code_4(tmp_path: Path) -> None:
    """`validate` names the pid that holds the directory, and leaves with 4; the holder is undisturbed."""
    (tmp_path / "data").mkdir()
    with exclusive_lock(str(tmp_path / "data")):
        done = forebay("validate", "--port", "0", cwd=tmp_path)
        assert done.returncode == 4
        assert f"in use by process {os.getpid()}" in done.stderr
        with pytest.raises(DirectoryInUseError), exclusive_lock(str(tmp_path / "data")):
            pass


def test_help_answers_at_once(tmp_path: Path) -> None:
    """`forebay --help` loads the shell and a little of the standard library: no asyncio, no other package."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "actors", "--help"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {name for name in loaded if name.startswith(OURS)} == {"actors", "actors.cli", "actors.cli.shell"}
    assert not loaded & {"asyncio", "socket", "msgspec", "anyio", "httpx", "starlette", "supabase"}
    assert len(loaded) < 120
