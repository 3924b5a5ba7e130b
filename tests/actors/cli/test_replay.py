"""`forebay journal replay` as it is called: which store, what is told, and how it leaves."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from journal.inspect import segment_sizes
from tests.actors.cli.on_terminal import on_terminal
from tests.actors.cli.test_shell import clean_environment, forebay
from tests.actors.replaying import Scene, some

pytestmark = pytest.mark.slow  # whole systems or programs of their own


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory whose journal has 1,000 metrics, of them one that a database of ours may refuse."""
    scene = Scene(tmp_path / "data")
    asyncio.run(scene.accept([some(499), some(1, "bad\nname"), some(500, source="node-7")]))
    return scene.home


def replay(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    state = {"XDG_STATE_HOME": str(data.parent / "state")}
    return forebay("journal", "replay", *arguments, cwd=data.parent, **{**state, **environment})


def rows(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT count(*) FROM metrics").fetchone()[0]


def test_it_fills_the_store_and_says_so(data: Path) -> None:
    """One account on stdout, nothing on stderr, exit code 0."""
    done = replay(data, "--to", "sqlite:")
    assert (done.returncode, done.stderr) == (0, "")
    first, speed, cursor = done.stdout.splitlines()
    assert first == "1,000 metrics sent to sqlite"
    assert ": offsets 0 to 1,00" in speed
    assert "`forebay run` goes on from there" in cursor
    assert rows(data / "forebay.db") == 1000


@pytest.mark.parametrize("given", [["data"], ["data/journal"], []], ids=["data", "journal", "default"])
def test_a_directory_is_one_or_the_other(data: Path, given: list[str]) -> None:
    """The data directory, the journal in it, or ./data: the embedded store is the same."""
    account = json.loads(replay(data, *given, "--to", "sqlite:", "--json").stdout)
    assert (account["sent"], account["complete"], account["store"]) == (1000, True, "sqlite")
    assert rows(data / "forebay.db") == 1000


def test_both_ways_to_call_it_are_the_same(data: Path) -> None:
    """`python -m journal replay` finds what it may not import."""
    done = subprocess.run(
        [sys.executable, "-m", "journal", "replay", "--to", "sqlite:", "--dry-run"],
        cwd=data.parent,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == replay(data, "--to", "sqlite:", "--dry-run").stdout
    assert done.stdout.startswith("1,000 metrics would be sent to sqlite, from 1 segment; nothing is")
    assert not (data / "forebay.db").exists()


def test_a_store_is_named_as_configured(data: Path) -> None:
    """By its URL, or by the name that `status` shows, which spares its password the command line; without
    --to the configured ones are named."""
    other = data.parent / "other.db"
    configured = {"FOREBAY_STORE": f"sqlite:///{other}"}
    named = replay(data, "--to", f"sqlite:{other}", "--json", **configured)
    assert json.loads(named.stdout)["store"] == f"sqlite:{other}"
    assert rows(other) == 1000
    asked = replay(data, **configured)
    assert asked.returncode == 2
    assert f"--to sqlite:{other}" in asked.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--to", "nowhere:"], 2, "unknown scheme"),
        (["--to", "supabase:"], 2, "SUPABASE_URL"),
        (["--to", "sqlite:", "--rate", "0"], 2, "--rate"),
        (["--to", "sqlite:", "--from", "yesterday"], 2, "--from"),
        (["--to", "sqlite:", "--print-state"], 2, "--print-state"),
        (["elsewhere", "--to", "sqlite:"], 2, "elsewhere: no journal here"),
        (["--to", "sqlite:////no/such/folder/x.db"], 1, "unable to open database file"),
        (["--to", "postgresql://me:secret@127.0.0.1:1/x"], 1, "127.0.0.1:1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_error_is_a_line(data: Path, arguments: list[str], code: int, said: str) -> None:
    """What, where and what to do, on stderr, with the exit code of its kind; no password in it."""
    done = replay(data, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert said in line
    assert "secret" not in line


def test_what_is_refused_is_named_and_the_rest_stored(data: Path) -> None:
    """A line each on stderr, harmless to a terminal, the first hundred in the object too; exit code 1."""
    assert replay(data, "--to", "sqlite:", "--until", "0").returncode == 0
    with closing(sqlite3.connect(data / "forebay.db")) as connection:
        connection.execute(
            "CREATE TRIGGER no_lines BEFORE INSERT ON metrics WHEN instr(new.name, char(10))"
            " BEGIN SELECT raise(ABORT, 'a name is one line'); END"
        )
    done = replay(data, "--to", "sqlite:", "--json")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "'bad\\\\nname': refused: " in line
    assert "a name is one line" in line
    account = json.loads(done.stdout)
    assert (account["sent"], account["refused"]) == (999, 1)
    assert account["refusals"][0]["name"] == "bad\nname"
    assert rows(data / "forebay.db") == 999


def test_the_queue_is_no_journal_of_metrics(data: Path) -> None:
    """What waits there is redriven, and the error says by what."""
    scene = Scene(data)
    asyncio.run(scene.bury("sqlite", []))
    done = replay(data, "data/dead-letters", "--to", "sqlite:")
    assert done.returncode == 2
    assert "forebay dlq redrive" in done.stderr


def test_a_damaged_journal_is_told_with_what_helps(data: Path) -> None:
    """Exit code 3, and which command mends it."""
    (name,) = segment_sizes(str(data / "journal"))
    with (data / "journal" / name).open("r+b") as file:
        file.seek(20_000)
        file.write(b"\xff" * 99)
    done = replay(data, "--to", "sqlite:")
    assert done.returncode == 3
    assert "forebay journal repair" in done.stderr


def test_on_a_terminal_it_shows_how_far_it_is_and_ends_at_once(data: Path) -> None:
    """How many of how many, how fast and how long still, in 80 columns; Ctrl-C says where it stopped."""
    with on_terminal(
        *("journal", "replay", "--to", "sqlite:", "--rate", "200"),
        cwd=data.parent,
        XDG_STATE_HOME=str(data.parent / "state"),
    ) as terminal:
        line = terminal.until(" left").rpartition("\033[K")[2]
        assert " of about 1,00" in line
        assert "/s, " in line
        assert len(line) < 80
        terminal.signal(signal.SIGINT)
        assert terminal.leaves() == 130
        assert "the same command goes on from there" in terminal.shown
        assert "Traceback" not in terminal.shown
    done = replay(data, "--to", "sqlite:")
    assert "goes on at offset " in done.stderr
    assert rows(data / "forebay.db") == 1000


def test_help_fits_a_terminal(data: Path) -> None:
    """Examples that can be typed, in 80 columns."""
    done = replay(data, "--help", COLUMNS="80")
    assert "forebay journal replay --to sqlite: --dry-run" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
