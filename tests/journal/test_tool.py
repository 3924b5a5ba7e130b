"""The tool as a person and a script use it: `python -m journal …` as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from journal.__main__ import main
from journal.cli.ls import render
from journal.cli.shell import COMMANDS
from journal.cli.terminal import harmless, local_time
from journal.inspect import Finding, SegmentReport, verify
from journal.log import Journal
from tests.journal.building import clock, metrics
from tests.journal.test_inspect_verify import SMALL, flip, make_journal, names_in, records_of

pytestmark = pytest.mark.slow  # whole systems or programs of their own

ROOT = Path(__file__).parents[2]


def tool(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "journal", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "journal"
    await make_journal(path)
    return path


async def make_long_journal(tmp_path: Path) -> None:
    opened = await Journal.open(str(tmp_path / "data" / "journal"), options=SMALL, now=clock())
    for value in range(100):
        await opened.append([metrics(value, 100)])
    await opened.close()


@pytest.fixture
def long_journal(tmp_path: Path) -> None:
    """Without the test's own loop: for tests that wait for a process."""
    asyncio.run(make_long_journal(tmp_path))


def tree(path: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(each.relative_to(path)): (each.stat().st_mtime_ns, each.stat().st_size, each.read_bytes())
        for each in path.rglob("*")
        if each.is_file()
    }


async def test_a_sound_journal(journal: Path, tmp_path: Path) -> None:
    """`verify` of a sound journal says so in one line, exit code 0; by default it looks into ./data."""
    for arguments in (("verify",), ("verify", "data"), ("verify", "data/journal"), ("verify", "--decode")):
        done = tool(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        (line,) = done.stdout.splitlines()
        assert line.startswith(f"sound: {len(names_in(journal))} segments, ")


async def test_a_damaged_journal(journal: Path, tmp_path: Path) -> None:
    """Corruption is a line that says segment, byte, offset, what and which command helps, and exit code 3."""
    name = names_in(journal)[2]
    record = records_of(journal, name)[4]
    flip(journal, name, record.position + 60)
    done = tool("verify", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (3, "")
    finding, summary = done.stdout.splitlines()
    assert finding.startswith(f"{name}: byte {record.position}, offset {record.base}: record damaged")
    assert "`forebay journal repair`" in finding
    assert summary.startswith(f"corrupt: {record.count:,} offset")
    listed = tool("ls", cwd=tmp_path)
    assert listed.returncode == 3
    assert [line.split()[-1] for line in listed.stdout.splitlines()[1:6]] == [
        "sealed",
        "sealed",
        "corrupt",
        "sealed",
        "active",
    ]
    assert "forebay journal verify data" in listed.stdout.splitlines()[-1]
    dumped = tool("dump", "--json", cwd=tmp_path)
    assert dumped.returncode == 3
    assert dumped.stderr == finding + "\n"
    offsets = [json.loads(line)["offset"] for line in dumped.stdout.splitlines()]
    assert not set(offsets) & set(range(record.base, record.next_offset))
    assert len(offsets) == offsets[-1] + 1 - record.count


async def test_a_finding_that_stops_no_start(journal: Path, tmp_path: Path) -> None:
    """A stray file is exit code 1."""
    (journal / "notes.txt").write_text("mine")
    done = tool("verify", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("notes.txt: byte 0: ")
    assert done.stdout.splitlines()[1].startswith("flawed, nothing stops a start: ")


async def test_json(journal: Path, tmp_path: Path) -> None:
    """With --json, `verify` and `ls` are one object with segments and findings, `dump` an object a line."""
    flip(journal, names_in(journal)[1], 3)
    for command in ("verify", "ls"):
        done = tool(command, "--json", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (3, "")
        found = json.loads(done.stdout)
        assert found["gravity"] == "corrupt"
        assert found["writer"] is None
        assert [each["name"] for each in found["segments"]] == names_in(journal)
        assert {"metrics", "records", "used", "size", "first_time", "last_offset"} <= set(
            found["segments"][0]
        )
        (finding,) = found["findings"]
        assert finding["segment"] == names_in(journal)[1]
        assert finding["byte"] == 0
        assert "repair" in finding["help"]
    done = tool("dump", "--from", "2", "--until", "9", "--json", cwd=tmp_path)
    assert [json.loads(line)["offset"] for line in done.stdout.splitlines()] == list(range(2, 9))


async def test_ls_shows_each_segment_in_80_columns(journal: Path, tmp_path: Path) -> None:
    """The table has a line a segment, offsets that join, local times, and is no wider than 80 columns."""
    done = tool("ls", cwd=tmp_path, TZ="Asia/Tokyo")
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert "+09:00" in head
    assert max(map(len, done.stdout.splitlines())) <= 80
    rows = [line.split() for line in lines]
    assert [int(row[0]) for row in rows] == [int(name[:20]) for name in names_in(journal)]
    assert [int(row[1]) + 1 for row in rows[:-1]] == [int(row[0]) for row in rows[1:]]
    assert [row[-1] for row in rows] == ["sealed"] * (len(rows) - 1) + ["active"]


async def test_large_offsets_fit_too(journal: Path) -> None:
    """Offsets of twelve digits still leave the table within 80 columns, whatever the health."""
    report = next(step for step in verify(str(journal)) if isinstance(step, SegmentReport))
    large = replace(
        report,
        first_offset=987_654_321_012,
        last_offset=987_655_999_999,
        records=100_000,
        metrics=10_000_000,
        used=67_108_864,
        size=67_108_864,
        last_time=(report.first_time or 0) + 86_400_000_000_000 * 3,
    )
    worst = Finding("record", large.name, 64, large.first_offset, "record damaged")
    assert max(map(len, render([large], [worst]))) <= 80


async def test_dump_as_a_table(journal: Path, tmp_path: Path) -> None:
    """A line a metric or event: offset, local time with its zone, kind, name and value."""
    done = tool("dump", "--name", "m[1-3]", cwd=tmp_path, TZ="America/New_York")
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["offset", "accepted", "kind", "what"]
    assert {line.split()[4] for line in lines} == {"m1", "m2", "m3"}
    assert all(line.split()[2].endswith("-05:00") for line in lines)
    control = tool("dump", "--kind", "actor-crashed", cwd=tmp_path).stdout.splitlines()[1:]
    assert control
    assert all("path=/persistence error=boom" in line for line in control)


async def test_nothing_is_written_and_no_lock_taken(journal: Path, tmp_path: Path) -> None:
    """No command changes a byte or a time of the directory, not even where damage is found."""
    flip(journal, names_in(journal)[1], 3)
    before = tree(tmp_path)
    for command in COMMANDS:
        tool(command, cwd=tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_teaches_by_example(command: str, tmp_path: Path) -> None:
    """`--help` exits 0, shows lines that can be typed as they are, and names the program as it was called."""
    done = tool(command, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    examples = done.stdout.partition("examples:")[2]
    assert f"  python -m journal {command}" in examples
    assert max(map(len, done.stdout.replace("python -m journal", "forebay journal").splitlines())) <= 80
    assert f"    {command} " in tool("--help", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("verfy",), "invalid choice: 'verfy'"),
        (("ls", "--jsn"), "unrecognized arguments: --jsn"),
        (("verify", "nowhere"), "nowhere: no journal here; name the directory"),
        (("dump", "--from", "yesterday"), "argument --from: 'yesterday' is no offset, time"),
        (("dump", "--until", "-5"), "argument --until: '-5' is no offset"),
        (("dump", "--kind", "gauge,spoon"), "argument --kind: 'spoon' is none of gauge, "),
        (("dump", "--limit", "few"), "argument --limit: 'few' must be a whole number"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """A usage error is exit code 2 and one line on stderr that says what is wrong."""
    done = tool(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("python -m journal")
    assert said in line


@pytest.mark.parametrize("command", ["dump", "stat", "ls"])
@pytest.mark.usefixtures("long_journal")
def test_a_full_disk_behind_the_output(tmp_path: Path, command: str) -> None:
    """What cannot be written is standard output, and that is what the error names."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "journal", command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "standard output: No space left on device" in done.stderr


def test_debug_shows_a_traceback_and_only_then(tmp_path: Path) -> None:
    """An error is one line; with --debug, before or behind the command, its traceback comes first."""
    for arguments in (("--debug", "ls", "nowhere"), ("ls", "nowhere", "--debug")):
        done = tool(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert "Traceback" in done.stderr
    assert "Traceback" not in tool("ls", "nowhere", cwd=tmp_path).stderr


def test_main_answers_under_the_name_it_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    """`forebay journal` hands its own name on: errors and examples carry it."""
    assert main(["ls", "/nowhere/at/all"], "forebay journal") == 2
    assert capsys.readouterr().err.startswith("forebay journal: /nowhere/at/all: no journal here")
    assert main(["dump", "--help"], "forebay journal") == 0
    assert "  forebay journal dump --limit 20" in capsys.readouterr().out


@pytest.mark.usefixtures("long_journal")
def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """`dump | head -3` shows three lines and nothing on stderr."""
    for flag in ([], ["--json"]):
        with subprocess.Popen(
            [sys.executable, "-m", "journal", "dump", *flag],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode in (0, 141)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "journal", "ls"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.usefixtures("long_journal")
def test_ctrl_c(tmp_path: Path) -> None:
    """SIGINT in the middle of a dump ends it with 130, without a traceback."""
    with subprocess.Popen(
        [sys.executable, "-m", "journal", "dump"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # It cannot end: far more than a pipe holds is still to be written.
        process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.stderr.read() == b""
    assert process.returncode == 130


@pytest.mark.usefixtures("long_journal")
def test_a_terminal_sees_colours_and_lines_that_fit(tmp_path: Path) -> None:
    """On a terminal of 60 columns the dump is cut to them and coloured; NO_COLOR leaves the colours out."""
    for environment, seen in (({}, True), ({"NO_COLOR": "1"}, False)):
        primary, secondary = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "journal", "dump", "--limit", "30"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "60", "TERM": "xterm", **environment},
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
        assert process.returncode == 0
        assert (b"\033[1m" in shown) is seen
        if not seen:
            assert max(map(len, shown.decode().splitlines())) == 60


def test_what_a_client_sent_cannot_move_the_cursor() -> None:
    """Control characters in names are shown escaped."""
    assert harmless("gpu\033[2Jtemp\n") == "gpu\\x1b[2Jtemp\\n"
    assert harmless("température °C") == "température °C"


def test_times_beyond_the_calendar() -> None:
    """A time that no calendar holds is shown as nanoseconds instead of an error."""
    assert local_time(2**63 - 1).startswith("2262-")
    assert local_time(-(2**80)) == f"{-(2**80)} ns"
