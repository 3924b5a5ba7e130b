"""`forebay journal diff`, as a person and a script see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from journal.cli.change_words import change_words
from journal.cli.diff import SHOWN
from journal.events import (
    ActorCrashed,
    ActorRestarted,
    BreakerMoved,
    CursorAdvanced,
    Event,
    MetricsAccepted,
)
from journal.flags import FlagState
from journal.inspect import Bound, state_at
from journal.inspect.changes import Difference, differences
from journal.metric import Offset
from journal.state import ActorState, BreakerState, CursorState, DeadLetter, DeadLetterCount, State
from tests.journal.building import metrics
from tests.journal.test_inspect_history import names_in, spoil
from tests.journal.test_inspect_verify import make_journal, records_of
from tests.journal.test_print_state import LETTERS, asked, write

CURSORS: list[list[Event]] = [
    [metrics(at, 10), CursorAdvanced("sqlite", Offset(10 * at), 10 * at)] for at in range(30)
]
TROUBLE: list[list[Event]] = [
    [BreakerMoved("sqlite", "open", 5, "Connection refused", 1_700_000_000_000_000_000)],
    [MetricsAccepted(metrics(0, 2).metrics, key="k")],
    [ActorCrashed("/stores/sqlite", "OSError(gone)", "Trace\nback"), ActorRestarted("/stores/sqlite")],
]


def diff(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    return asked(capsys, "diff", *arguments)


async def test_what_changed_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts, cursor, breaker and actor are said with before and after, then the events."""
    await write(tmp_path, [*CURSORS, *TROUBLE])
    code, out, err = diff(capsys, 13, "end", tmp_path)
    assert (code, err) == (0, "")
    for said in (
        "from          offset 13, last written ",
        "accepted      10 → 302 (+292)",
        "closed        in good order",
        "  cursor      0 → 290 (+290)",
        "  breaker     closed → open since ",
        "  failures    0 → 5 (+5)",
        "actor /stores/sqlite",
        "1 crash and 1 restart more",
        "        29  cursor-advanced of sqlite",
    ):
        assert said in out, said
    *events, _ = [line.split() for line in out.split("what\n")[1].splitlines()]
    kinds = [words[3] for words in events]
    assert kinds == ["breaker-moved", "actor-crashed", "actor-restarted", "journal-closed"]
    assert "Trace" not in out
    everything = diff(capsys, 13, "end", tmp_path, "--all")[1]
    assert everything.count("cursor-advanced") == 29


async def test_the_order_of_the_two_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever is given first, the earlier one is `from`; between a point and itself nothing changed."""
    await write(tmp_path, CURSORS)
    assert diff(capsys, 100, 20, tmp_path)[1] == diff(capsys, 20, 100, tmp_path)[1]
    assert diff(capsys, 100, 100, tmp_path)[1].splitlines()[-1] == "nothing changed"


async def test_by_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Times and ages are taken as elsewhere; what they are not is a usage error that names the point."""
    await write(tmp_path, CURSORS)
    found = json.loads(diff(capsys, "1970-01-01T00:00Z", "1s", tmp_path, "--json")[1])
    assert found["from"]["offset"] == 0
    assert found["to"]["offset"] == state_at(str(tmp_path), Bound()).offset
    code, out, err = diff(capsys, 5, "tomorrow", tmp_path)
    assert (code, out) == (2, "")
    assert "argument B: 'tomorrow' is no offset" in err


async def test_too_many_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the first are shown, and how many more there are; with --all, each one."""
    crashes: list[list[Event]] = [[ActorCrashed(f"/a/{at}", "boom")] for at in range(SHOWN + 7)]
    await write(tmp_path, crashes)
    out = diff(capsys, 2, 2 + SHOWN + 7, tmp_path)[1]
    assert out.count("actor-crashed") == SHOWN
    assert out.endswith("… and 7 more: --all shows them\n")
    assert diff(capsys, 2, "end", tmp_path, "--all")[1].count("actor-crashed") == SHOWN + 7


async def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object: both points, every difference by its path, the events, and what was left out of them."""
    await write(tmp_path, [*CURSORS, *TROUBLE])
    code, out, err = diff(capsys, 13, "end", tmp_path, "--json")
    found: dict[str, Any] = json.loads(out)
    before, after = state_at(str(tmp_path), Bound(offset=13)), state_at(str(tmp_path), Bound())
    assert (code, err) == (0, "")
    assert (found["from"]["offset"], found["to"]["offset"]) == (before.offset, after.offset)
    changes = {tuple(each["path"]): (each["before"], each["after"]) for each in found["changes"]}
    assert changes["accepted",] == (before.state.accepted, after.state.accepted)
    assert changes["cursors", "sqlite", "offset"] == (0, 290)
    assert [event["kind"] for event in found["events"]][:2] == ["breaker-moved", "actor-crashed"]
    assert found["events"][1]["event"]["traceback"] == "Trace\nback"
    assert found["counted"] == [{"kind": "cursor-advanced", "store": "sqlite", "count": 29}]
    assert found["more"] == 0
    assert len(json.loads(diff(capsys, 13, "end", tmp_path, "--json", "--all")[1])["events"]) == 29 + 4


async def test_of_dead_letters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the queue's journal: how many more wait, which are new, and what became of others."""
    await write(tmp_path, LETTERS)
    out = diff(capsys, 2, "end", tmp_path)[1]
    for said in (
        "  waiting     0 → 9 (+9)",
        "5 new: check",
        "10 buried, 1 discarded",
        "0 → 5 (+5) into sqlite",
    ):
        assert said in out, said


async def test_over_a_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where both states are known and events between are damaged, that is told, with exit code 3."""
    name, following = (await make_journal(tmp_path))[1:3]
    record = records_of(tmp_path, name)[4]
    spoil(tmp_path, record)
    code, out, err = diff(capsys, 0, int(following[:20]) + 1, tmp_path)
    assert (code, err.count("\n")) == (3, 1)
    assert err.startswith(f"{name}: byte {record.position}")
    assert "accepted " in out
    code, out, err = diff(capsys, 0, record.next_offset, tmp_path)
    assert (code, out) == (3, "")
    assert "only up to offset" in err


async def test_only_the_segments_between_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A damage behind both points is nobody's business."""
    names = await make_journal(tmp_path)
    spoil(tmp_path, records_of(tmp_path, names[3])[4])
    assert names_in(tmp_path) == names
    assert diff(capsys, 5, int(names[2][:20]) + 3, tmp_path)[0] == 0


def test_differences() -> None:
    """Each field that differs is named once, by its path, with what it was and is; nothing else is."""
    before = State(accepted=5, cursors={"a": CursorState(Offset(1), 1), "b": CursorState(Offset(2), 2)})
    after = replace(
        before,
        accepted=7,
        cursors={"a": CursorState(Offset(4), 1), "c": CursorState(Offset(3), 3)},
        breakers={"a": BreakerState("open", 9)},
    )
    assert differences(before, after) == [
        Difference(("accepted",), 5, 7),
        Difference(("cursors", "a", "offset"), 1, 4),
        Difference(("cursors", "b"), CursorState(Offset(2), 2), None),
        Difference(("cursors", "c"), None, CursorState(Offset(3), 3)),
        Difference(("breakers", "a"), None, BreakerState("open", 9)),
    ]
    assert differences(after, after) == []


OTHER = State(
    accepted=1,
    events=1,
    cursors={"a": CursorState(Offset(1), 1)},
    actors={"/a": ActorState(1, 1, "boom", 5)},
    opened_at=1,
    clean=False,
    retired_before=Offset(3),
    breakers={"a": BreakerState("open", 1)},
    dead_letters={Offset(4): DeadLetter(Offset(4), "a", Offset(1), 2, "m", "", "check", "no", 1, 3, 3)},
    dead_letter_counts={"a": DeadLetterCount(2, 1)},
    mirrored={"a": Offset(1)},
    flags={"a": FlagState(True)},
    lost_metrics=3,
)


@pytest.mark.parametrize("field", sorted(set(State.__struct_fields__) - {"lost"}))
def test_no_field_changes_without_words(field: str) -> None:
    """Whichever field differs, there is a line that says so. (Ranges lost go as `lost_metrics` comes.)"""
    assert getattr(OTHER, field) != getattr(State(), field)
    assert list(change_words(State(), replace(State(), **{field: getattr(OTHER, field)})))
