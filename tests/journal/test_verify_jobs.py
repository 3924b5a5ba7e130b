"""`verify` by several processes, tried in a process of its own: one with threads must not fork."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journal.test_inspect_verify import flip, make_journal, names_in, records_of

ROOT = Path(__file__).parents[2]

TOOL = """
import importlib, sys
importlib.import_module("journal.inspect.verify")._WORTH_A_PROCESS = 1
from journal.__main__ import main
sys.exit(main(sys.argv[1:], "tool"))
"""
SQUARES = """
import os
from journal.inspect.parallel import in_order

def square(number):
    return os.getpid(), number * number

done = list(in_order(square, range(100), JOBS))
assert [number for _, number in done] == [number * number for number in range(100)]
print(len({pid for pid, _ in done} - {os.getpid()}))
"""
FAILING = """
from journal.inspect.parallel import in_order

def work(number):
    if number == 5:
        raise FileNotFoundError("five")
    return number

try:
    for number in in_order(work, range(1000), 2):
        print(number)
except FileNotFoundError as error:
    print(error)
"""
SLOW = """
import os, signal, time
from journal.inspect.parallel import in_order

def work(number):
    time.sleep(0.01)
    return number

try:
    for number in in_order(work, range(100_000), 2):
        print(number, flush=True)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


def python(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("jobs", "processes"), [(1, {0}), (2, {1, 2}), (3, {1, 2, 3})])
def test_results_come_in_order_from_no_more_processes(jobs: int, processes: set[int]) -> None:
    """However many work, results are in order; one job is done without another process."""
    done = python(SQUARES.replace("JOBS", str(jobs)))
    assert done.stderr == ""
    assert int(done.stdout) in processes


def test_what_the_work_raises_ends_it() -> None:
    """The error arrives where its result was due, and the rest is not waited for."""
    done = python(FAILING)
    assert (done.stderr, done.stdout.split()) == ("", ["0", "1", "2", "3", "4", "five"])


def test_ctrl_c_stops_all_without_a_word() -> None:
    """SIGINT to the whole group, as a terminal sends it, is one KeyboardInterrupt, and no process stays."""
    with subprocess.Popen(
        [sys.executable, "-c", SLOW],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "0\n"
        os.killpg(process.pid, signal.SIGINT)
        # Both end only when nobody of the group holds them any more.
        assert process.stdout.read().splitlines()[-1] == "stopped"
        assert process.stderr.read() == ""


async def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    """The same reports and findings in the same order, over several damages, with --decode or without."""
    path = tmp_path / "journal"
    await make_journal(path)
    names = names_in(path)
    for name in names[1], names[3]:
        flip(path, name, records_of(path, name)[2].position + 60)
    flip(path, names[2], 3)
    for flags in ([], ["--decode"]):
        one, two = (
            python(TOOL, "verify", str(path), "--json", "--jobs", jobs, *flags) for jobs in ("1", "2")
        )
        assert (one.returncode, one.stderr) == (3, "")
        assert one.stdout.count('"gravity":"corrupt"') == 4
        assert (two.returncode, two.stdout, two.stderr) == (3, one.stdout, "")
