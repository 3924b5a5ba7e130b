from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from actors.cli.shell import main
from journal.disk import exclusive_lock
from journal.events import (
    DeadLetterRetried,
    DeadLettersDiscarded,
    DeadLettersRedriven,
    Event,
    MetricDeadLettered,
)
from journal.log import Journal, Options
from journal.metric import Metric, Offset
from tests.contracts.dead_letters_suite import THEN
from web.letters import Letter

Run = Callable[..., tuple[int, str, str]]
SEGMENT = 64 * 1024


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `forebay dlq …` where ./data is and no process; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOREBAY_PORT", "1")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["dlq", *arguments])
        told = capfd.readouterr()
        return code, told.out, told.err

    return run


def write(data: Path, batches: Sequence[Sequence[Event]]) -> list[Offset]:
    """A queue's journal in `data` as a process leaves it; the first offset of each batch."""

    async def journal() -> list[Offset]:
        journal = await Journal.open(str(data / "dead-letters"), options=Options(segment_bytes=SEGMENT))
        try:
            return [(await journal.append(batch)).first_offset for batch in batches]
        finally:
            await journal.close()

    (data / "dead-letters").mkdir(parents=True, exist_ok=True)
    return asyncio.run(journal())


def buried(number: int, size: int = 10) -> MetricDeadLettered:
    metric = Metric(f"m{number}", float(number), unit="x" * size, source="web-1")
    return MetricDeadLettered(
        "sqlite", Offset(100 + number), THEN + number, metric, "check", "breaks a check"
    )


def test_what_a_process_left_is_read(run: Run, tmp_path: Path) -> None:
    """The letters that wait, as folded, with their metrics; it is said that this is no process."""
    ids = write(tmp_path / "data", [[buried(number)] for number in range(4)])
    write(
        tmp_path / "data",
        [
            [DeadLetterRetried(ids[1], "bad-type", "cannot be held")],
            [DeadLettersRedriven("sqlite", [ids[0]])],
            [DeadLettersDiscarded("sqlite", [ids[3]])],
        ],
    )
    code, out, err = run("ls", "--json")
    assert code == 0
    assert err == "no process answers at http://127.0.0.1:1: this is data/dead-letters as it was left\n"
    listing = json.loads(out)
    assert [letter["id"] for letter in listing["letters"]] == [ids[1], ids[2]]
    assert [letter["cause"] for letter in listing["letters"]] == ["bad-type", "check"]
    assert listing["letters"][0]["attempts"] == 2
    assert (listing["matched"], listing["pending"]) == (2, 2)
    assert json.loads(run("ls", "--json", "--cause", "check")[1])["matched"] == 1
    letter = msgspec.json.decode(run("show", str(ids[1]), "--json")[1], type=Letter)
    assert letter.metric == buried(1).metric
    exported = [json.loads(line) for line in run("export")[1].splitlines()]
    assert [line["metric"]["name"] for line in exported] == ["m1", "m2"]
    assert run("show", str(ids[0]))[0] == 1


def test_letters_of_older_segments_are_found(run: Run, tmp_path: Path) -> None:
    """State comes from the newest segment's snapshot, each metric from wherever it was written."""
    ids = write(tmp_path / "data", [[buried(number, size=5_000)] for number in range(60)])
    segments = list((tmp_path / "data/dead-letters").glob("*.segment"))
    assert len(segments) > 3
    exported = [msgspec.json.decode(line, type=Letter) for line in run("export")[1].splitlines()]
    assert [letter.id for letter in exported] == ids
    assert [letter.metric for letter in exported] == [buried(number, 5_000).metric for number in range(60)]
    assert "m0" in run("show", str(ids[0]))[1]


def test_looking_changes_nothing_and_takes_no_lock(run: Run, tmp_path: Path) -> None:
    """Every byte stays, also while somebody else holds the directory."""
    data = tmp_path / "data"
    ids = write(data, [[buried(number)] for number in range(3)])

    def files() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in data.rglob("*") if path.is_file()}

    with exclusive_lock(str(data)):
        before = files()
        for arguments in (("ls",), ("show", str(ids[0])), ("export",)):
            assert run(*arguments)[0] == 0
        assert files() == before


def test_an_empty_queue(run: Run, tmp_path: Path) -> None:
    """The same friendly sentence as of a process."""
    write(tmp_path / "data", [])
    code, out, _ = run("ls")
    assert (code, out) == (0, "No dead letters: no store has refused a metric that is still waiting.\n")


@pytest.mark.parametrize("arguments", [("redrive", "1"), ("redrive", "--all"), ("discard", "1", "--yes")])
def test_changing_needs_a_process(arguments: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    """One line that says so and how to start one, exit code 1."""
    write(tmp_path / "data", [[buried(1)]])
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "start one with `forebay run`" in err
    assert "only a running process changes its queue" in err


def test_neither_a_process_nor_a_queue(run: Run, tmp_path: Path) -> None:
    """Without data, and where --url says which process is meant, nobody answering is the error."""
    code, out, err = run("ls")
    assert (code, out) == (1, "")
    assert err.startswith("forebay: nobody answers at http://127.0.0.1:1")
    write(tmp_path / "data", [[buried(1)]])
    assert run("ls", "--url", "http://127.0.0.1:1")[:2] == (1, "")


def test_a_damaged_queue_is_told(run: Run, tmp_path: Path) -> None:
    """Exit code 3, as for any journal that is corrupt."""
    write(tmp_path / "data", [[buried(number, size=5_000)] for number in range(60)])
    newest = max((tmp_path / "data/dead-letters").glob("*.segment"))
    newest.write_bytes(b"\xff" * 4096 + newest.read_bytes()[4096:])
    code, out, err = run("ls")
    assert (code, out) == (3, "")
    assert newest.name in err
