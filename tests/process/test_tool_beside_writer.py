"""The journal tool beside a process that ingests, rolls and retires: no false finding, no lost line.

`FOREBAY_BESIDE_SECONDS=240` makes minutes of it, `FOREBAY_BESIDE_RATE` metrics a second another load.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from tests.process.conftest import Launch
from tests.process.forebay import ROOT, Forebay, environment, eventually, say
from tests.process.poster import metric

SECONDS = float(os.environ.get("FOREBAY_BESIDE_SECONDS", "10"))
RATE = float(os.environ.get("FOREBAY_BESIDE_RATE", "4000"))
ALONE = 5.0
"""Seconds of the same load without the tool, to compare with."""
KEPT = 1.5 * ALONE * RATE * 250
"""Bytes of the keep window: what comes alone is still there when the tool begins, and not much more."""
POSTERS = 3
APART = 1_000_000_000
"""Between the numbers of two posters."""
NOTHING = -1.0
"""Where a metric's number would stand: a control event."""


class Reply(NamedTuple):
    """A 202, as a poster wrote it down."""

    number: int
    count: int
    offset: int
    sent: float
    took: float


@contextmanager
def posting(forebay: Forebay) -> Iterator[list[Path]]:
    """Several posters at work during the block; their ledgers are whole behind it."""
    ledgers = [forebay.home / f"ledger-{at}" for at in range(POSTERS)]
    posters = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.process.steady", str(forebay.port), str(ledger)),
                *(str(at * APART), str(RATE / POSTERS)),
            ],
            cwd=ROOT,
            env=environment({}),
            start_new_session=True,
        )
        for at, ledger in enumerate(ledgers)
    ]
    try:
        yield ledgers
        for poster in posters:
            poster.send_signal(signal.SIGTERM)
        assert [poster.wait(30) for poster in posters] == [0] * POSTERS
    finally:
        for poster in posters:
            poster.kill()
            poster.wait()


def journal_tool(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "journal", *arguments]


class Lines:
    """Numbers of metrics by offset, from a beginning on without a gap."""

    def __init__(self) -> None:
        self.begin = 0
        self.numbers = array("d")
        self.gaps: list[tuple[int, int]] = []

    @property
    def end(self) -> int:
        return self.begin + len(self.numbers)

    def take(self, raw: bytes) -> None:
        """The next line, as JSON. It is as it was sent, and no line came before it that is behind it."""
        line: dict[str, Any] = msgspec.json.decode(raw)
        offset = line["offset"]
        if not self.numbers:
            self.begin = offset
        if offset > self.end:
            self.gaps.append((self.end, offset))
            self.numbers.extend([NOTHING] * (offset - self.end))
        assert offset == self.end, f"offset {offset} where {self.end} is due"
        number = NOTHING
        if "name" in line:
            number = line["value"] - 0.5
            sent = {name: value for name, value in metric(int(number)).items() if value != ""}
            assert {name: line[name] for name in sent} == sent, line
        self.numbers.append(number)


class Follower(threading.Thread):
    """`tail -f --json` from the journal's beginning on."""

    def __init__(self, forebay: Forebay) -> None:
        super().__init__(daemon=True)
        self.lines = Lines()
        self.wrong = ""
        self.asked = False
        self.process = subprocess.Popen(
            journal_tool("tail", "-f", "--from", "0", "--json", str(forebay.data)),
            cwd=ROOT,
            env=environment({}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.start()

    def run(self) -> None:
        assert self.process.stdout is not None
        try:
            for raw in self.process.stdout:
                self.lines.take(raw)
            self.wrong = "it ended" if not self.asked else ""
        except (AssertionError, msgspec.DecodeError, LookupError) as error:
            self.wrong = repr(error)
            self.process.kill()

    def close(self) -> tuple[int, bytes]:
        """Ctrl-C; the exit code and what was said on stderr."""
        self.asked = True
        self.process.send_signal(signal.SIGINT)
        self.join(30)
        assert self.process.stderr is not None
        said = self.process.stderr.read()
        return self.process.wait(30), said

    def kill(self) -> None:
        """See to it that it does not go on."""
        self.process.kill()
        self.join(30)
        self.process.communicate()


class OverAndOver(threading.Thread):
    """One command after the other, again and again, until told to stop; `wrong` is what should not be."""

    def __init__(self, forebay: Forebay, follower: Follower) -> None:
        super().__init__(daemon=True)
        self.wrong: list[str] = []
        self.runs = 0
        self.retired = 0
        self._data = str(forebay.data)
        self._follower = follower
        self._over = threading.Event()
        self.start()

    def stop(self) -> None:
        self._over.set()
        self.join(120)

    def run(self) -> None:
        commands = itertools.cycle([self._verify, self._dump, self._ls, self._stat, self._tail])
        for command in commands:
            if self._over.is_set() or self.wrong:
                return
            try:
                command()
            except AssertionError as error:
                self.wrong.append(f"{command.__name__}: {error}")
            self.runs += 1

    def _ran(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            journal_tool(*arguments, self._data),
            cwd=ROOT,
            env=environment({}),
            capture_output=True,
            timeout=120,
            check=False,
        )
        said = [line for line in done.stderr.splitlines() if b"taken by retention" not in line]
        assert (done.returncode, said) == (0, []), (arguments, done.returncode, done.stderr)
        return done

    def _verify(self) -> None:
        found = json.loads(self._ran("verify", "--json").stdout)
        assert {each["condition"] for each in found["findings"]} <= {"retired"}, found["findings"]

    def _ls(self) -> None:
        segments = json.loads(self._ran("ls", "--json").stdout)["segments"]
        ends = [each["last_offset"] + 1 for each in segments[:-1]]
        assert ends == [each["first_offset"] for each in segments[1:]]

    def _stat(self) -> None:
        done = self._ran("stat", "--json")
        found = json.loads(done.stdout)
        assert sum(found["kinds"].values()) == found["metrics"] > 0
        if b"taken by retention" not in done.stderr:
            span = found["last_offset"] + 1 - found["first_offset"]
            assert found["metrics"] + found["control_events"] == span

    def _tail(self) -> None:
        lines = [json.loads(line) for line in self._ran("tail", "-n", "500", "--json").stdout.splitlines()]
        offsets = [line["offset"] for line in lines]
        assert offsets == list(range(offsets[0], offsets[0] + 500))

    def _dump(self) -> None:
        """Gapless, but for what retention took while it was read; each line is what `tail -f` shows there."""
        done = self._ran("dump", "--json")
        lines = Lines()
        for raw in done.stdout.splitlines():
            lines.take(raw)
        gone = done.stderr.count(b"taken by retention")
        self.retired += gone
        assert len(lines.gaps) <= gone, f"gaps {lines.gaps}, and {gone} segments retired meanwhile"
        follower = self._follower
        eventually(lambda: follower.lines.end >= lines.end or follower.wrong, "tail -f is as far as the dump")
        shown = follower.lines.numbers[lines.begin : lines.end]
        assert len(shown) == len(lines.numbers)
        differing = sum(mine not in (NOTHING, its) for mine, its in zip(lines.numbers, shown, strict=True))
        assert not differing, f"{differing} lines differ from those of tail -f"


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def replies_in(ledgers: list[Path]) -> list[Reply]:
    return [Reply(*json.loads(line)) for ledger in ledgers for line in ledger.read_text().splitlines()]


def accepted_per_second(replies: list[Reply], begin: float, end: float) -> float:
    return sum(each.count for each in replies if begin <= each.sent + each.took < end) / (end - begin)


def took(replies: list[Reply], begin: float, end: float) -> float:
    return statistics.median(each.took for each in replies if begin <= each.sent < end)


def test_the_tool_beside_a_process_that_ingests_rolls_and_retires(launch: Launch, cleanup: ExitStack) -> None:
    """While metrics come, segments roll and are retired: `tail -f` shows every accepted metric exactly once,
    in order and as it was sent; `dump`, `verify`, `ls`, `stat` and `tail` find nothing wrong; ingest goes on.
    """
    forebay = launch(env={"FOREBAY_SEGMENT_BYTES": "1MiB", "FOREBAY_KEEP_BYTES": f"{KEPT:.0f}"}).start()
    with posting(forebay) as ledgers:
        eventually(lambda: all(ledger.exists() for ledger in ledgers), "every poster is at work")
        begun = time.time()
        # A measured time, no wait for something to happen; and below, how long it all lasts.
        time.sleep(ALONE)
        beside = time.time()
        follower = Follower(forebay)
        cleanup.callback(follower.kill)
        tools = OverAndOver(forebay, follower)
        cleanup.callback(tools.stop)
        while time.time() < beside + SECONDS and not (tools.wrong or follower.wrong):
            time.sleep(0.1)
        ended = time.time()
        tools.stop()
    replies = replies_in(ledgers)
    last = max(reply.offset + reply.count for reply in replies)
    eventually(lambda: follower.lines.end >= last or follower.wrong, "tail -f shows what was accepted last")
    assert (*follower.close(), tools.wrong, follower.wrong) == (130, b"", [], "")
    shown = follower.lines
    assert (shown.begin, shown.gaps) == (0, [])
    for reply in replies:
        expected = array("d", range(reply.number, reply.number + reply.count))
        assert shown.numbers[reply.offset : reply.offset + reply.count] == expected, reply
    metrics = sum(number != NOTHING for number in shown.numbers)
    assert metrics == sum(reply.count for reply in replies)
    first_offset = forebay.status()["journal"]["first_offset"]
    assert first_offset > 0, "nothing was retired: the test saw less than it should"
    alone, with_tools = (
        accepted_per_second(replies, begun + 1, beside),
        accepted_per_second(replies, beside + 1, ended),
    )
    say(
        f"{metrics:,} metrics, {first_offset:,} offsets retired, {tools.runs} runs of the tool "
        f"({tools.retired} segments went while they were dumped); accepted {with_tools:,.0f}/s beside it, "
        f"{alone:,.0f}/s alone: {with_tools / alone:.3f}; answers in "
        f"{took(replies, beside, ended) * 1e3:.2f} ms, {took(replies, begun, beside) * 1e3:.2f} ms alone"
    )
    # With cores to spare it is 1.0. Where there are none, the tool and the posters share what there is.
    assert with_tools > 0.5 * alone
