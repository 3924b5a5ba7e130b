"""Whatever lies in a journal's directory, every command ends by itself, says so in its own words, and shows
nothing that was not written.

A run draws a hundred cases; with FOREBAY_FUZZ_SECONDS=3600 as many as fit.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journal.cli.shell import COMMANDS
from tests.journal.damaging import BYTES, FILES, STRAYS, Damage, damages, inflict
from tests.journal.driving import Done, tool
from tests.journal.golden.make import HERE
from tests.journal.hostile import PAYLOADS, TIMES, Hostile, hostile, plant
from tests.journal.test_inspect_verify import make_journal

pytestmark = pytest.mark.slow  # whole systems or programs of their own

SECONDS: Final = int(os.environ.get("FOREBAY_FUZZ_SECONDS", "0"))
PATIENCE: Final = 60.0
"""Seconds that no command takes for such small journals, on however busy a machine."""
MOST_MEMORY: Final = 400 * 1024
"""Kilobytes that this process may grow by."""
MOST_ADDRESSES: Final = 4 << 30

REASONS: Final = ("no journal here", "of a later format", "lies before what is kept")
"""Why a command may take its arguments for wrong: what they ask for is not in a journal damaged so."""

LINES: Final = ("dump", "DIR", "--json")
WORDS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "ls": (("DIR",), ("DIR", "--json")),
    "verify": (("DIR",), ("DIR", "--json"), ("DIR", "--decode")),
    "dump": (
        ("DIR",),
        ("DIR", "--from", "10", "--until", "30"),
        ("DIR", "--from", "1970-01-01T00:00:00Z", "--limit", "5", "--json"),
        ("DIR", "--kind", "gauge,snapshot", "--name", "*", "--json"),
    ),
    "stat": (("DIR",), ("DIR", "--json")),
    "tail": (("DIR",), ("DIR", "--json")),
    "repair": (("DIR",), ("DIR", "--json")),
    "replay": (("DIR", "--print-state"), ("DIR", "--print-state", "--until", "20", "--json")),
    "diff": (("DIR", "5", "30"), ("DIR", "5", "30", "--json")),
    "export": (("DIR", "-"),),
}


class Case(NamedTuple):
    """What happens to which journal, in this order."""

    origin: int
    damaged: list[Damage]
    planted: list[Hostile]
    stray: list[Damage]


cases = st.builds(
    Case,
    st.integers(0, 3),
    damages((*BYTES, *FILES)) | st.just([]),
    st.lists(hostile, max_size=2),
    damages(STRAYS, most=2) | st.just([]),
)


class Origins(NamedTuple):
    """Journals that nothing has happened to, and every line that was ever written to them."""

    paths: list[Path]
    lines: frozenset[bytes]


@pytest.fixture(scope="module")
def origins() -> Iterator[Origins]:
    with tempfile.TemporaryDirectory() as directory:
        made = Path(directory) / "journal"
        asyncio.run(make_journal(made, segments=4))
        goldens = [HERE / "format-1" / case / "journal" for case in ("ordinary", "dead-letters", "torn")]
        paths = [made, *goldens]
        lines = [line for path in paths for line in tool("dump", str(path), "--json").out.splitlines()]
        yield Origins(paths, frozenset(lines))


@pytest.fixture(scope="module", autouse=True)
def hurried() -> Iterator[None]:
    """No wait for a writer that may be about to finish: nobody writes here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("journal.inspect.walk._LOOK_EVERY", 0.0)
        # What asks for more gets a MemoryError, which is told, and not all of the machine's.
        before = resource.getrlimit(resource.RLIMIT_AS)
        hard = before[1]
        most = MOST_ADDRESSES if hard == resource.RLIM_INFINITY else min(MOST_ADDRESSES, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        yield
        resource.setrlimit(resource.RLIMIT_AS, before)


class TookTooLong(BaseException):
    """A command did not end; no Exception, so that the command cannot take it for one of its own."""


@contextmanager
def patience(words: Sequence[str]) -> Iterator[None]:
    """Raise TookTooLong where the block does not end by itself."""

    def give_up(_number: int, _frame: object) -> None:
        raise TookTooLong(" ".join(words))

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run(words: Sequence[str], directory: str) -> Done:
    """Run a command, and hold it to what every command promises."""
    with patience(words):
        done = tool(*(directory if word == "DIR" else word for word in words))
    told = f"{' '.join(words)}: {done.code}\n{done.err}"
    assert done.code in (0, 1, 2, 3), told
    assert "internal error" not in done.err, told
    assert "Traceback" not in done.err, told
    if done.code == 2:
        assert any(reason in done.err for reason in REASONS), told
    if done.code == 0 and words[0] != "export":
        assert not done.err, told
    return done


def was_written(line: bytes, written: frozenset[bytes]) -> bool:
    """Whether a line that `dump` printed stands for what is in an origin, or in a planted record."""
    if line in written:
        return True
    found = json.loads(line)
    return found.get("accepted_at", found["time"]) in TIMES


def check(origins: Origins, case: Case) -> None:
    """Every command stands what happens in `case`."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(
            shutil.copytree(origins.paths[case.origin % len(origins.paths)], Path(directory) / "journal")
        )
        for damage in case.damaged:
            inflict(path, damage, origins.paths[damage.other % len(origins.paths)])
        for record in case.planted:
            plant(path, record)
        for damage in case.stray:
            inflict(path, damage)
        for command in COMMANDS:
            for words in WORDS[command]:
                done = run((command, *words), directory)
                if "--json" in words and command != "export":
                    for line in done.out.splitlines():
                        json.loads(line)
        done = run(LINES, directory)
        strange = [line for line in done.out.splitlines() if not was_written(line, origins.lines)]
        assert not strange, strange[:3]


@pytest.mark.parametrize("plain", [False, True], ids=["control", "plain"])
@pytest.mark.parametrize("what", PAYLOADS)
def test_hostile_contents(what: str, plain: bool, origins: Origins) -> None:
    """Contents that no version writes, under right checksums, are refused or shown, and never a crash."""
    planted = Hostile(-1, PAYLOADS[what], 1, plain, TIMES[0], 0, 0, True)
    check(origins, Case(0, [], [planted], []))


def fuzz(origins: Origins, examples: int) -> None:
    """Try so many cases, and end with no more memory than before."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def every(case: Case) -> None:
        check(origins, case)

    every()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MEMORY


def test_no_command_crashes_or_invents(origins: Origins) -> None:
    """After any damage, `dump` prints only lines that were written, and no command fails in other words than
    its own."""
    fuzz(origins, 100)


@pytest.mark.skipif(not SECONDS, reason="FOREBAY_FUZZ_SECONDS says for how long")
def test_no_command_crashes_or_invents_for_hours(origins: Origins) -> None:
    """As above, for as long as was asked for."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        fuzz(origins, 100)
