"""`dump` as a person and a script use it, beside what test_tool.py shows of every command."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from journal.events import ActorCrashed, MetricsAccepted, OffsetsLost, Snapshot
from journal.state import ActorState, State
from tests.journal.building import SegmentBuilder, metrics
from tests.journal.test_inspect_dump import fleet

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A journal with ten metrics, a damage's remains, and events that say very much."""
    built = SegmentBuilder()
    built.add([MetricsAccepted([fleet(value) for value in range(10)])])
    built.add([OffsetsLost(40, 38, "record damaged")])
    built.add([ActorCrashed("/stores/sqlite", "disk I/O error", "Traceback …\n  line 7\n" * 200)])
    actors = {f"/actor/{i}": ActorState(1, 1, "boom", 1) for i in range(500)}
    built.add([Snapshot(State(actors=actors))])
    built.add([metrics(0, 1)])
    journal = tmp_path / "data" / "journal"
    journal.mkdir(parents=True)
    (journal / "00000000000000000000.segment").write_bytes(built.in_file(len(built.data) + 4096))
    return tmp_path / "data"


def dumped(data: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "journal", "dump", *arguments, str(data)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
    )


def on_a_terminal(data: Path, *arguments: str, columns: int) -> tuple[int, str]:
    """The exit code of a dump on a terminal that wide, and all that is seen there."""
    primary, secondary = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "journal", "dump", *arguments, str(data)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": str(columns), "NO_COLOR": "1"},
        stdout=secondary,
        stderr=secondary,
    ) as process:
        os.close(secondary)
        shown = b""
        try:
            while more := os.read(primary, 65536):
                shown += more
        except OSError:
            pass  # a pseudo-terminal's end
        os.close(primary)
    return process.returncode, shown.decode()


def test_every_row_fits_the_terminal(data: Path) -> None:
    """In 80 columns a row is a line, however much an event says: a traceback and a large state are cut."""
    code, shown = on_a_terminal(data, columns=80)
    lines = shown.splitlines()
    assert code == 0
    assert len(lines) == 1 + 10 + 5
    assert max(map(len, lines)) == 80
    assert {line.split()[3] for line in lines if line.endswith("…")} == {
        "actor-crashed",
        "snapshot",
        "offsets-lost",
    }


def test_lost_offsets_in_the_table_and_as_json(data: Path) -> None:
    """What a damage took is one line: its first offset, how many, of them metrics, and why."""
    done = dumped(data, "--kind", "offsets-lost")
    (line,) = done.stdout.decode().splitlines()[1:]
    assert (line.split()[0], line.split()[3]) == ("11", "offsets-lost")
    assert line.endswith("count=40 metrics=38 what=record damaged")
    (row,) = map(json.loads, dumped(data, "--kind", "offsets-lost", "--json").stdout.splitlines())
    assert row["offset"] == 11
    assert row["event"] == {"count": 40, "metrics": 38, "what": "record damaged"}


def test_grep(data: Path) -> None:
    """A pattern chooses the same lines in the table, as JSON and, by whole records, as bytes."""
    rows = dumped(data, "--grep", r"gpu\.[12] .*odd=true|line 7").stdout.decode().splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["2", "6", "10", "51"]
    lines = dumped(data, "--grep", r"gpu\.[12] .*odd=true|line 7", "--json").stdout.splitlines()
    assert [json.loads(line)["offset"] for line in lines] == [2, 6, 10, 51]
    raw = dumped(data, "--grep", "line 7", "--raw").stdout
    assert (raw[:4], raw.count(b"FBr1"), raw.count(b"line 7")) == (b"FBr1", 1, 200)


def test_raw_is_not_for_a_terminal(data: Path) -> None:
    """On a terminal --raw writes nothing but what to do instead, exit code 2; in a pipe it is the records."""
    code, shown = on_a_terminal(data, "--raw", columns=200)
    assert code == 2
    (line,) = shown.splitlines()
    assert line.startswith("python -m journal: argument --raw:")
    assert "> FILE" in line
    done = dumped(data, "--raw")
    segment = next((data / "journal").iterdir()).read_bytes()
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == segment[64:].rstrip(b"\0")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--grep", "gpu("), "argument --grep: 'gpu(' is no regular expression (missing ), unterminated"),
        (("--raw", "--json"), "argument --json: not allowed with argument --raw"),
    ],
)
def test_wrong_usage(data: Path, arguments: tuple[str, ...], said: str) -> None:
    """A usage error is exit code 2 and one line that says what is wrong."""
    done = dumped(data, *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert said in line
