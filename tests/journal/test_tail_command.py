"""`journal tail` and `journal stat` as a person and a script use them."""

from __future__ import annotations

import json
import os
import pty
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from journal.events import ActorCrashed, CursorAdvanced, MetricsAccepted
from journal.log import Journal, Options
from journal.metric import Metric
from tests.journal.building import SegmentBuilder, clock, metrics
from tests.journal.test_inspect_follow import put
from tests.journal.test_inspect_verify import flip, names_in, records_of
from tests.journal.test_tool import ROOT, tool
from tests.process.forebay import eventually

pytestmark = pytest.mark.slow  # whole systems or programs of their own

OPTIONS = Options(segment_bytes=16 * 1024, durability="os")


@contextmanager
def running(*arguments: str, **popen: object) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the tool, killed at the end of the block if it is still there."""
    with subprocess.Popen(
        [sys.executable, "-m", "journal", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80"},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen},  # type: ignore[call-overload]
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def next_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


class TestTail:
    async def test_lines_come_at_once_into_a_pipe(self, tmp_path: Path) -> None:
        """A line is in the pipe within half a second of its commit, most of the time; Ctrl-C ends it with 130
        and without a word."""
        path = str(tmp_path / "journal")
        journal = await Journal.open(path, options=OPTIONS)
        with running("tail", "-f", "--json", path) as process:
            # What stood there already.
            assert [json.loads(next_line(process))["offset"] for _ in range(2)] == [0, 1]
            took: list[float] = []
            for value in range(21):
                await journal.append([metrics(value, 1)])
                committed = time.monotonic()
                assert json.loads(next_line(process))["value"] == value
                took.append(time.monotonic() - committed)
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert (process.stderr.read(), process.wait(10)) == (b"", 130)
        await journal.close()
        assert statistics.median(took) < 0.5

    async def test_it_ends_when_nobody_reads_any_more(self, tmp_path: Path) -> None:
        """`tail -f | head -1` ends although nothing more comes."""
        path = str(tmp_path / "journal")
        await (await Journal.open(path, options=OPTIONS)).close()
        with running("tail", "-f", path) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            next_line(process)
            process.stdout.close()
            assert (process.wait(20), process.stderr.read()) == (141, b"")

    def test_a_journal_that_goes_back_is_told_in_a_line(self, tmp_path: Path) -> None:
        """What was shown and does not count is one line on stderr; stdout goes on as JSON lines."""
        built = SegmentBuilder()
        kept = built.add([metrics(0, 3)])
        built.add([metrics(3, 2)])
        path = put(tmp_path, built.data)
        with running("tail", "-f", "--json", str(path)) as process:
            assert [json.loads(next_line(process))["offset"] for _ in range(6)] == list(range(6))
            built.place = kept
            del built.data[kept.position :]
            built.add([metrics(100, 1)])
            put(tmp_path, built.data)
            assert json.loads(next_line(process))["value"] == 100
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            (said,) = process.stderr.read().decode().splitlines()
        assert said.startswith("the journal has gone back to offset 4: what was shown from there to 5 ")

    async def test_on_a_terminal(self, tmp_path: Path) -> None:
        """Lines fit, are coloured by kind, and it is said that nobody writes."""
        path = str(tmp_path / "journal")
        journal = await Journal.open(path, options=OPTIONS)
        await journal.append([ActorCrashed("/persistence", "boom"), metrics(1, 1, text=200)])
        await journal.close()
        primary, secondary = pty.openpty()
        with running("tail", "-f", path, stdout=secondary, stderr=secondary) as process:
            os.close(secondary)
            shown = b""

            def see() -> bool:
                nonlocal shown
                shown += os.read(primary, 65536)
                return b"nobody writes to this journal now" in shown

            eventually(see, "it is said that nobody writes", 10)
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130
        os.close(primary)
        lines = shown.decode().splitlines()
        (crashed,) = [line for line in lines if "actor-crashed" in line]
        assert crashed.startswith("\033[31m")
        (metric,) = [line for line in lines if "gauge" in line]
        assert len(metric) == 80
        assert metric.endswith("…")

    @pytest.mark.parametrize(
        ("arguments", "code", "said"),
        [
            (("tail", "-f", "nowhere"), 2, "nowhere: no journal here; name the directory"),
            (("tail", "-n", "ten"), 2, "argument -n/--lines: 'ten' must be a whole number"),
            (("tail", "-f", "--name"), 2, "argument --name: expected one argument"),
            (("stat", "nowhere"), 2, "nowhere: no journal here; name the directory"),
            (("stat", "--limit", "3"), 2, "unrecognized arguments: --limit"),
        ],
    )
    def test_wrong_usage(self, arguments: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
        """An error is one line on stderr that says what is wrong."""
        done = tool(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (code, "")
        (line,) = done.stderr.splitlines()
        assert said in line

    async def test_a_damaged_header_is_an_error_that_helps(self, tmp_path: Path) -> None:
        """Nothing can be followed behind a damaged header: exit code 3, one line, and what helps."""
        path = tmp_path / "data" / "journal"
        await (await Journal.open(str(path), options=OPTIONS)).close()
        flip(path, names_in(path)[-1], 3)
        for arguments in (("tail", "-f"), ("tail",), ("stat",)):
            done = tool(*arguments, cwd=tmp_path)
            assert done.returncode == 3
            (line,) = done.stderr.splitlines()
            assert "segment header damaged" in line
            assert "`forebay journal repair`" in line


def page_in(encoding: str, cwd: Path) -> str:
    """What `stat` prints of ./data where the terminal has that encoding."""
    done = subprocess.run(
        [sys.executable, "-m", "journal", "stat"],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode(encoding)


class TestStat:
    @pytest.fixture
    async def data(self, tmp_path: Path) -> Path:
        """A data directory whose journal has odd names, a store that lags, and many segments."""
        path = tmp_path / "data" / "journal"
        journal = await Journal.open(str(path), options=OPTIONS, now=clock())
        for value in range(200):
            await journal.append([metrics(value, 20, text=value % 50)])
        await journal.append([CursorAdvanced("sqlite", journal.next_offset, 1234)])
        odd = Metric("névé\033[2J" + "x" * 240, 1.0, source="s" * 300)
        await journal.append([MetricsAccepted([odd])])
        await journal.close()
        return tmp_path / "data"

    @pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
    @pytest.mark.usefixtures("data")
    async def test_it_fits_a_terminal(self, tmp_path: Path, encoding: str) -> None:
        """The page is no wider than 80 columns, and plain ASCII where the encoding has no more."""
        page = page_in(encoding, tmp_path)
        assert max(map(len, page.splitlines())) <= 80
        assert ("█" in page) is (encoding == "utf-8")
        assert "#" in page or encoding == "utf-8"
        assert "4,001 in " in page

    async def test_json(self, data: Path, tmp_path: Path) -> None:
        """With --json it is one object with everything that the page shows."""
        done = tool("stat", "--json", "--top", "3", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        found = json.loads(done.stdout)
        assert (found["metrics"], found["clean"], found["writer"]) == (4001, True, None)
        assert found["names"]["exact"]
        assert len(found["names"]["top"]) == 3
        assert found["names"]["others"] + sum(each["count"] for each in found["names"]["top"]) == 4001
        (store,) = found["stores"]
        assert (store["name"], store["lag"]) == ("sqlite", 4001 - 1234)
        assert store["oldest"]["offset"] == found["last_offset"] - 1
        assert sum(found["accepted"]["counts"]) == 4001

    async def test_a_damage(self, data: Path, tmp_path: Path) -> None:
        """What cannot be read is a line on stderr and exit code 3, and the page is there all the same."""
        path = data / "journal"
        name = names_in(path)[1]
        flip(path, name, records_of(path, name)[2].position + 60)
        done = tool("stat", cwd=tmp_path)
        assert done.returncode == 3
        (finding,) = done.stderr.splitlines()
        assert finding.startswith(f"{name}: byte ")
        assert "3,981 in " in done.stdout
