"""`forebay flags` as a person meets it: against a process, and beside a journal as it was left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from actors.cli.shell import main
from actors.flags import FlagsPort
from journal.log import Journal
from tests.actors.cli.on_terminal import on_terminal
from tests.actors.cli.served import Served, served
from web.evaluations import FlagChange, FlagDetails, FlagList, FlagReport
from web.ports import EdgeSettings, Refused

Run = Callable[..., tuple[int, str, str]]
TRANSPORT = "dashboard.transport"


@pytest.fixture(scope="module")
def process() -> Iterator[Served]:
    with served() as process:
        yield process


@pytest.fixture
def run(
    process: Served, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Runs `forebay flags …` against the process, with no flag changed; returns exit code and output."""
    monkeypatch.chdir(tmp_path)
    process.flags.flags = {}
    process.flags.refuse_with = None

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["flags", *arguments, "--url", process.url])
        told = capfd.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def alone(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `forebay flags …` where ./data may be and no process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOREBAY_PORT", "1")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["flags", *arguments])
        told = capfd.readouterr()
        return code, told.out, told.err

    return run


def test_a_rollout_from_beginning_to_end(run: Run, process: Served) -> None:
    """Each change is told in one line that is true, and seen in the list."""
    told = [
        run("set", TRANSPORT, "dual", "--rollout", "12.5%"),
        run("set", TRANSPORT, "realtime", "--session", "s-1"),
        run("set", TRANSPORT, "dual"),
        run("reset", TRANSPORT, "--session", "s-1"),
        run("reset", TRANSPORT),
    ]
    assert told == [
        (0, f"{TRANSPORT}: dual for 12.5 % of sessions, websocket for the others\n", ""),
        (0, f"{TRANSPORT}: realtime for session s-1, whatever the others get\n", ""),
        (0, f"{TRANSPORT}: dual for all sessions; 1 session has its own\n", ""),
        (0, f"{TRANSPORT}: dual for session s-1, as for the others\n", ""),
        (0, f"{TRANSPORT}: websocket for all sessions, the default\n", ""),
    ]
    assert process.flags.flags == {}


def test_the_list(run: Run) -> None:
    """What each flag is set to; with a session also what that gets and why; within 80 columns."""
    run("set", TRANSPORT, "dual", "--rollout", "10")
    run("set", TRANSPORT, "realtime", "--session", "s-1")
    code, out, err = run("ls")
    assert (code, err) == (0, "")
    lines = {line.split()[0]: " ".join(line.split()) for line in out.splitlines()}
    assert lines[TRANSPORT].startswith(f"{TRANSPORT} dual for 10 %; 1 own ")
    assert lines["dashboard.websocket"] == "dashboard.websocket true, the default -"
    code, out, _ = run("ls", "--session", "s-1")
    assert f"{TRANSPORT}  realtime  targeting match  dual for 10 %; 1 own" in " ".join(out.split("\n"))
    assert max(map(len, out.splitlines())) <= 80


def test_one_flag(run: Run) -> None:
    """All there is to say of it: what it is, can be, is set to, by whom, and the overrides."""
    for number in range(12):
        run("set", TRANSPORT, "dual", "--session", f"s-{number}")
    code, out, err = run("show", TRANSPORT, "--session", "s-3")
    assert (code, err) == (0, "")
    assert "can be   one of websocket, realtime, dual; by default websocket\n" in out
    assert "given    dual to session s-3: TARGETING_MATCH\n" in out
    assert "12 with a value of their own\n  dual  s-11\n" in out
    assert "and 2 more" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("dashboard.websocket", "off", False),
        ("dashboard.websocket", "TRUE", True),
        ("test.count", "7", 7),
        ("test.share", "7", 7.0),
        ("test.share", "-0.5", -0.5),
        ("test.text", "true", "true"),
        ("test.text", "7", "7"),
        ("test.text", "", ""),
    ],
)
def test_a_value_as_it_is_typed(run: Run, process: Served, name: str, typed: str, value: object) -> None:
    """It becomes what the flag's type makes of it, in JSON too."""
    code, out, _ = run("set", "--json", name, typed)
    assert code == 0
    report = msgspec.json.decode(out, type=FlagReport)
    assert (report.value, type(report.value)) == (value, type(value))
    assert process.flags.flags[name].value == value


def test_json(run: Run) -> None:
    """One object, as the process answers it."""
    run("set", TRANSPORT, "dual")
    listed = msgspec.json.decode(run("ls", "--json", "--session", "s-1")[1], type=FlagList)
    shown = msgspec.json.decode(run("show", TRANSPORT, "--json")[1], type=FlagDetails)
    assert listed.session == "s-1"
    assert next(flag.value for flag in listed.flags if flag.name == TRANSPORT) == shown.value == "dual"
    assert json.loads(run("reset", TRANSPORT, "--json")[1])["setting"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["set", TRANSPORT, "smoke"], "must be one of websocket, realtime, dual"),
        (["set", "dashboard.websocket", "maybe"], "must be true or false"),
        (["set", "test.count", "11"], "a whole number from 0 to 10"),
        (["set", "test.count", "many"], "a whole number from 0 to 10"),
        (["set", "nothing", "1"], f"there are: {TRANSPORT}, "),
        (["reset", "nothing"], f"there are: {TRANSPORT}, "),
        (["show", "no/thing?"], f"there are: {TRANSPORT}, "),
        (["set", TRANSPORT, "dual", "--rollout", "101"], "from 0 to 100"),
        (["set", TRANSPORT, "dual", "--rollout", "nan"], "from 0 to 100"),
        (["set", TRANSPORT, "dual", "--rollout", "1", "--session", "s"], "not allowed with"),
        (["set", TRANSPORT, "dual", "--session", ""], "1 to 255 characters"),
        (["set", TRANSPORT, "dual", "--session", "\udcff"], "is not UTF-8"),
        (["set", "test.text", "\udcff"], "is not UTF-8"),
        (["show", "\udcff"], "is not UTF-8"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(run: Run, process: Served, arguments: list[str], said: str) -> None:
    """Exit code 2, what is allowed, and nothing changed."""
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert process.flags.flags == {}


def test_a_process_that_cannot(run: Run, process: Served) -> None:
    """Its own words, and exit code 1."""
    process.flags.refuse_with = Refused("disk-full", "the disk is full; nothing was taken", 5.0)
    code, _, err = run("set", TRANSPORT, "dual")
    assert (code, err.count("\n")) == (1, 1)
    assert "the disk is full" in err


def test_a_wrong_token(alone: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is an error that says which variable to set, for looking and for changing."""
    with served(EdgeSettings(token="correct-horse-battery")) as process:
        for arguments in (["ls"], ["set", TRANSPORT, "dual"]):
            code, _, err = alone(*arguments, "--url", process.url)
            assert code == 1
            assert "FOREBAY_TOKEN" in err
        monkeypatch.setenv("FOREBAY_TOKEN", "correct-horse-battery")
        assert alone("set", TRANSPORT, "dual", "--url", process.url)[0] == 0


def left(data: Path) -> None:
    """A journal in `data` as a process leaves it, with a flag changed and overridden."""

    async def journal() -> None:
        journal = await Journal.open(str(data / "journal"))
        flags = FlagsPort(journal, lambda: 0)
        await flags.change(TRANSPORT, FlagChange("dual", 10, by="eve\x1b[2J"))
        await flags.change(TRANSPORT, FlagChange("realtime", session="s-1", by="eve\x1b[2J"))
        await journal.close()

    (data / "dead-letters").mkdir(parents=True)
    asyncio.run(journal())


@pytest.mark.parametrize("directory", ["data", "data/journal", "data/dead-letters"])
def test_without_a_process_the_journal_is_read(alone: Run, tmp_path: Path, directory: str) -> None:
    """What it folds to, said to be that on stderr; nothing in the directory is changed."""
    left(tmp_path / "data")
    before = {each: each.stat().st_mtime_ns for each in (tmp_path / "data").rglob("*")}
    code, out, err = alone("ls", "--session", "s-1", "--data", directory)
    assert code == 0
    assert f"{TRANSPORT}  realtime  targeting match  dual for 10 %; 1 own" in out
    assert err.startswith("no process answers at ")
    code, out, _ = alone("show", TRANSPORT, "--data", directory)
    assert (code, "\x1b" in out, "by eve\\x1b[2J" in out) == (0, False, True)
    assert alone("show", "nothing", "--data", directory)[0] == 2
    assert {each: each.stat().st_mtime_ns for each in (tmp_path / "data").rglob("*")} == before


def test_without_a_process_nothing_is_changed(alone: Run, tmp_path: Path) -> None:
    """One line that says that only a running process can; and, without a journal, that nobody answers."""
    for arguments in (["set", TRANSPORT, "dual"], ["reset", TRANSPORT], ["ls"], ["show", TRANSPORT]):
        code, out, err = alone(*arguments)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "nobody answers" in err
    left(tmp_path / "data")
    assert "only a running process changes its flags" in alone("set", TRANSPORT, "dual")[2]
    assert alone("ls", "--url", "http://127.0.0.1:1")[0] == 1


@pytest.mark.slow
def test_on_a_terminal(process: Served, tmp_path: Path) -> None:
    """The list has a head that stands out, and fits the terminal."""
    with on_terminal("flags", "ls", "--url", process.url, cwd=tmp_path) as terminal:
        terminal.until("dashboard.websocket")
        assert terminal.leaves() == 0
