from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.cli import dlq_change
from actors.cli.dlq_look import Listing
from actors.cli.shell import main
from journal.metric import Metric
from tests.actors.cli.served import Served, served
from tests.contracts.dead_letters_suite import HOUR, METRIC, THEN
from web.letters import Bulk, Letter
from web.ports import EdgeSettings

pytestmark = pytest.mark.slow  # whole systems or programs of their own

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def process() -> Iterator[Served]:
    with served() as process:
        yield process


@pytest.fixture
def queue(process: Served) -> Served:
    """The process, with an empty queue and stores that take what comes."""
    process.queue.clear()
    return process


@pytest.fixture
def run(
    process: Served, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Runs `forebay dlq …` against the process; returns its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["dlq", *arguments, "--url", process.url])
        told = capfd.readouterr()
        return code, told.out, told.err

    return run


def fill(process: Served, count: int = 3, **changes: str) -> list[int]:
    """Letters named m0, m1, …, accepted an hour apart; the odd ones with a NUL."""
    return [
        process.queue.bury(
            Metric(f"m{number}", float(number), source="web-1"),
            changes.get("store", "sqlite"),
            "nul-byte" if number % 2 else "check",
            "breaks a check " * 5,
            THEN + number * HOUR,
            weather=False,
        )
        for number in range(count)
    ]


def test_an_empty_queue_is_a_friendly_sentence(queue: Served, run: Run) -> None:
    """Nothing waits, which is how it should be; with --json it is an empty list."""
    code, out, err = run("ls")
    assert (code, err) == (0, "")
    assert out == "No dead letters: no store has refused a metric that is still waiting.\n"
    assert json.loads(run("ls", "--json")[1]) == {"letters": [], "matched": 0, "pending": 0}
    assert run("export") == (0, "", "")


def test_the_list_fits_80_columns(queue: Served, run: Run) -> None:
    """Whatever clients sent: nothing is wider, and nothing moves the cursor of a terminal."""
    nasty = Metric("\x1b[2J" + "n" * 250, 1.0, source="s\r\n" * 50)
    ids = fill(queue)
    queue.queue.bury(nasty, "sqlite", "too-large", "\x07" + "e" * 10_000, THEN, weather=True)
    code, out, _ = run("ls")
    lines = out.splitlines()
    assert (code, len(lines)) == (0, 5)
    assert max(map(len, lines)) <= 80
    assert out.replace("\n", "").isprintable()
    assert lines[0].split() == ["id", "age", "cause", "name", "source", "tried", "error"]
    assert lines[2].split()[0] == str(ids[1])
    assert lines[2].split()[3:7] == ["nul-byte", "m1", "web-1", "1"]


@pytest.mark.parametrize(
    ("flags", "places"),
    [
        (("--cause", "nul-byte"), [1]),
        (("--name", "m2"), [2]),
        (("--source", "web-1", "--store", "sqlite"), [0, 1, 2]),
        (("--store", "supabase"), []),
        (("--after", "2023-11-14T22:13:21Z"), [1, 2]),
        (("--before", "2023-11-14T22:13:21+00:00"), [0]),
        (("--after", "1h"), []),
    ],
)
def test_filters(flags: tuple[str, ...], places: list[int], queue: Served, run: Run) -> None:
    """Those that match everything that is given, listed and exported alike."""
    ids = fill(queue)
    listing = msgspec.json.decode(run("ls", "--json", *flags)[1], type=Listing)
    assert [letter.id for letter in listing.letters] == [ids[place] for place in places]
    assert (listing.matched, listing.pending) == (len(places), 3)
    exported = [json.loads(line)["id"] for line in run("export", *flags)[1].splitlines()]
    assert exported == [ids[place] for place in places]


def test_none_that_match_is_told_apart_from_none(queue: Served, run: Run) -> None:
    """An empty answer to a filter says how many there are besides."""
    fill(queue)
    assert run("ls", "--name", "x")[1] == "None of the 3 dead letters that wait matches.\n"


def test_a_limit_says_what_it_leaves_out(queue: Served, run: Run) -> None:
    """And how to see it; JSON counts it."""
    fill(queue, 5)
    out = run("ls", "--limit", "2")[1]
    assert len(out.splitlines()) == 4
    assert "2 of 5 that match; --limit 5 shows all" in out
    listing = msgspec.json.decode(run("ls", "--limit", "2", "--json")[1], type=Listing)
    assert (len(listing.letters), listing.matched) == (2, 5)
    assert len(run("export", "--limit", "2")[1].splitlines()) == 2


def test_more_than_a_page(queue: Served, run: Run) -> None:
    """What the server hands out in pages comes out once, in order."""
    ids = fill(queue, 1_203)
    listing = msgspec.json.decode(run("ls", "--json", "--limit", "1100")[1], type=Listing)
    assert [letter.id for letter in listing.letters] == ids[:1_100]


def test_one_letter_is_shown_with_its_metric(queue: Served, run: Run) -> None:
    """Every field for people, and the letter itself as JSON."""
    id_ = queue.queue.bury(METRIC, "supabase", "check", "breaks a check", THEN, weather=True)
    code, out, _ = run("show", str(id_))
    assert code == 0
    for said in (
        "supabase",
        "check (nothing is known to be wrong",
        "breaks a check",
        '"zone": "a"',
        "2023-11-1",
    ):
        assert said in out
    letter = msgspec.json.decode(run("show", str(id_), "--json")[1], type=Letter)
    assert (letter.id, letter.metric) == (id_, METRIC)


@pytest.mark.parametrize("arguments", [("show", "99"), ("redrive", "99"), ("discard", "99", "--yes")])
def test_a_letter_that_is_not_there(arguments: tuple[str, ...], queue: Served, run: Run) -> None:
    """Exit code 1 and one line that says what may have become of it."""
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert err == ("forebay: no dead letter 99 is waiting: it may have been redriven, discarded or expired\n")


def test_one_is_redriven(queue: Served, run: Run) -> None:
    """Said once its store has it."""
    ids = fill(queue)
    assert run("redrive", str(ids[1])) == (0, "1 of 1 redriven\n", "")
    assert [metric.name for metric in queue.queue.stored["sqlite"]] == ["m1"]


def test_one_that_is_refused_again(queue: Served, run: Run) -> None:
    """Exit code 1, and the store's word for it."""
    ids = fill(queue)
    queue.queue.moods["sqlite"] = "refuses"
    code, _, err = run("redrive", str(ids[0]))
    assert (code, err) == (1, f"forebay: dead letter {ids[0]} was refused again and stays: refused again\n")


def test_one_whose_store_is_away(queue: Served, run: Run) -> None:
    """It is queued, which is no failure."""
    ids = fill(queue)
    queue.queue.moods["sqlite"] = "away"
    code, out, _ = run("redrive", str(ids[0]))
    assert (code, out) == (0, "0 of 1 redriven; 1 queued, and stored once their store takes it\n")


def test_several_are_redriven_and_waited_for(queue: Served, run: Run) -> None:
    """By filter or by ids; what went and what was refused again is counted at the end."""
    fill(queue, 4)
    fill(queue, 2, store="supabase")
    queue.queue.moods["supabase"] = "refuses"
    code, out, err = run("redrive", "--cause", "check", "--rate", "500")
    assert (code, out, err) == (1, "2 of 3 redriven; 1 refused again: see `forebay dlq ls`\n", "")
    assert queue.queue.rates == [500.0]
    queue.queue.moods["supabase"] = "takes"
    left = [str(id_) for id_ in queue.queue.letters]
    code, out, _ = run("redrive", *left[:2], "--json")
    assert (code, json.loads(out)) == (0, {"matched": 2, "redriven": 2, "refused": 0, "queued": 0})
    assert run("redrive", "--all")[:2] == (0, "2 of 2 redriven\n")
    assert queue.queue.letters == {}


def test_a_process_that_has_yet_to_begin_is_waited_for(
    queue: Served, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing on its way at the first look does not mean that all were refused."""
    fill(queue, 3)
    later: list[object] = []
    redrive_all = queue.queue.redrive_all

    async def begin_later(*which: Any, **how: Any) -> Bulk:
        bulk = await redrive_all(*which, dry_run=True, rate=None)
        later.append(asyncio.get_running_loop().call_later(0.5, lambda: later.append(again())))

        def again() -> object:
            return asyncio.ensure_future(redrive_all(*which, **how))

        return Bulk(bulk.matched, False)

    monkeypatch.setattr(queue.queue, "redrive_all", begin_later)
    assert run("redrive", "--all") == (0, "3 of 3 redriven\n", "")


def test_a_store_that_is_away_is_not_waited_for(
    queue: Served, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it is to get is queued; that is said, and no failure."""
    monkeypatch.setattr(dlq_change, "_PATIENCE", 0.3)
    fill(queue, 3)
    fill(queue, 2, store="supabase")
    queue.queue.moods["supabase"] = "away"
    code, out, _ = run("redrive", "--all")
    assert (code, out) == (0, "3 of 5 redriven; 2 queued, and stored once their store takes them\n")
    code, out, _ = run("redrive", "--all", "--no-wait")
    assert (code, out) == (0, "0 of 2 redriven; 2 queued, and stored once their store takes them\n")


@pytest.mark.parametrize(("verb", "done"), [("redrive", "redriven"), ("discard", "discarded")])
def test_a_dry_run_says_how_many(verb: str, done: str, queue: Served, run: Run) -> None:
    """And changes nothing, nor does it ask."""
    ids = fill(queue)
    code, out, err = run(verb, "--cause", "check", "--dry-run")
    assert (code, err) == (0, "")
    assert out == f"2 dead letters would be {done}; this was a dry run, and nothing was done\n"
    assert json.loads(run(verb, "--all", "--dry-run", "--json")[1]) == {"matched": 3, "dry_run": True}
    assert list(queue.queue.letters) == ids


def test_discarding_needs_a_yes_in_a_pipe(queue: Served, run: Run) -> None:
    """Without one it is exit code 2 and nothing happens; with it, what matches is gone."""
    ids = fill(queue)
    code, out, err = run("discard", "--all")
    assert (code, out) == (2, "")
    assert "--yes" in err
    assert list(queue.queue.letters) == ids
    assert run("discard", str(ids[0]), "--yes")[:2] == (0, "1 dead letter discarded\n")
    code, out, _ = run("discard", "--name", "m1", "--yes", "--json")
    assert (code, json.loads(out)) == (0, {"matched": 1, "discarded": 1})
    assert run("discard", "--name", "m1", "--yes")[:2] == (0, "no dead letter matches\n")
    assert list(queue.queue.letters) == ids[2:]
    assert queue.queue.stored == {}


@pytest.mark.parametrize("verb", ["redrive", "discard"])
@pytest.mark.parametrize("choice", [(), ("--all", "5"), ("--all", "--cause", "check"), ("--dry-run",)])
def test_what_is_meant_must_be_said(choice: tuple[str, ...], verb: str, queue: Served, run: Run) -> None:
    """Nothing chosen is not everything, and everything is not together with a filter: exit code 2."""
    ids = fill(queue)
    yes = ("--yes",) if verb == "discard" else ()
    code, out, err = run(verb, *choice, *yes)
    assert (code, out) == (2, "")
    assert "or --all by itself" in err
    assert list(queue.queue.letters) == ids


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "required: ACTION"),
        (("show", "first"), "'first' is no id"),
        (("ls", "--after", "noon"), "'noon' is no time"),
        (("ls", "--limit", "0"), "1 or more"),
        (("redrive", "--rate", "0"), "must be a number"),
        (("ls", "--colour", "red"), "unrecognized"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and one line that says what is wrong."""
    assert main(["dlq", *arguments]) == 2
    told = capfd.readouterr()
    assert said in told.err
    assert len(told.err.splitlines()) == 1


def test_an_export_is_whole_letters(queue: Served, run: Run, tmp_path: Path) -> None:
    """Each line is the letter as `show --json` prints it; a file is there when it is complete."""
    ids = fill(queue)
    out = run("export")[1]
    assert out.splitlines() == [run("show", str(id_), "--json")[1].strip() for id_ in ids]
    code, printed, err = run("export", "--output", "letters.ndjson")
    assert (code, printed, err) == (0, "", "letters.ndjson: 3 dead letters\n")
    assert (tmp_path / "letters.ndjson").read_text() == out


def test_an_export_that_fails_leaves_nothing(queue: Served, run: Run, tmp_path: Path) -> None:
    """What was exported before stays; the error names the file."""
    fill(queue)
    (tmp_path / "sub").mkdir()
    code, _, err = run("export", "--output", "sub")
    assert code == 1
    assert "sub" in err
    assert [path.name for path in tmp_path.iterdir()] == ["sub"]
    assert run("export", "--output", "absent/letters.ndjson")[0] == 1


def test_the_token_is_sent(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With it the queue is changed; a wrong one is told, and not shown."""
    with served(EdgeSettings(token="correct-horse")) as process:
        fill(process)
        monkeypatch.setenv("FOREBAY_TOKEN", "wr0ng")
        assert main(["dlq", "ls", "--url", process.url]) == 1
        told = capfd.readouterr()
        assert "FOREBAY_TOKEN" in told.err
        assert "wr0ng" not in told.err
        monkeypatch.setenv("FOREBAY_TOKEN", "correct-horse")
        assert main(["dlq", "redrive", "--all", "--url", process.url]) == 0
        assert capfd.readouterr().out == "3 of 3 redriven\n"
