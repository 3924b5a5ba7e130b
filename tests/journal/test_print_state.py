"""`forebay journal replay --print-state`, as a person and a script see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journal.__main__ import main
from journal.cli.state import TOLD
from journal.events import (
    ActorCrashed,
    ActorRestarted,
    BreakerMoved,
    CursorAdvanced,
    DeadLettersDiscarded,
    DeadLettersMirrored,
    Event,
    MetricDeadLettered,
    OffsetsLost,
)
from journal.inspect import Bound, in_full, state_at
from journal.log import Journal
from journal.metric import Metric, Offset
from journal.segment import segment_name
from journal.state import State
from tests.journal.building import SegmentBuilder, clock, metrics
from tests.journal.test_inspect_history import names_in, spoil
from tests.journal.test_inspect_verify import SMALL, make_journal, records_of

SECOND = 1_000_000_000


def letter(offset: int, cause: str, name: str = "gpu.temperature") -> MetricDeadLettered:
    return MetricDeadLettered("sqlite", Offset(offset), 5, Metric(name, 1.0), cause, "value must be >= 0", 3)


EVENTS: list[list[Event]] = [
    [metrics(0, 1000)],
    [CursorAdvanced("sqlite", Offset(900), 890, 3, 2)],
    [BreakerMoved("sqlite", "open", 5, "Connection refused", 1_700_000_000 * SECOND)],
    [
        ActorCrashed("/stores/sqlite", "OSError(gone)", "Traceback ..."),
        ActorRestarted("/stores/sqlite", 0.5),
    ],
    [OffsetsLost(10, 8, "damaged", exact=False)],
]
LETTERS: list[list[Event]] = [
    [letter(at, "check" if at % 2 else "bad-type") for at in range(10, 20)],
    [DeadLettersDiscarded("sqlite", [Offset(2)]), DeadLettersMirrored("sqlite", Offset(5))],
]


async def write(path: Path, appends: list[list[Event]]) -> None:
    journal = await Journal.open(str(path), options=SMALL, now=clock())
    for events in appends:
        await journal.append(events)
    await journal.close()


def asked(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    code = main([str(each) for each in arguments], "forebay journal")
    said = capsys.readouterr()
    return code, said.out, said.err


def state(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    return asked(capsys, "replay", "--print-state", *arguments)


async def test_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Metrics, cursor, breaker, actors and losses of a journal are said, 80 columns wide at most."""
    await write(tmp_path / "journal", EVENTS)
    code, out, err = state(capsys, tmp_path)
    assert (code, err) == (0, "")
    for said in (
        "as of offset 1,019, ",
        "closed in good order",
        "1,008 metrics since the journal began",
        "at most 8 metrics",
        "offset 900",
        "890 metrics",
        "3: dead letters",
        "113",
        "open since",
        "5 failures in a row, next probe 2023-11-14",
        "Connection refused",
        "/stores/sqlite: 1 crash, 1 restart, last",
        "OSError(gone)",
    ):
        assert said in out, said
    assert max(map(len, out.splitlines())) <= 80


async def test_of_dead_letters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the queue's own journal: how many wait, by cause, the first ones, and what became of the others."""
    await write(tmp_path / "dead-letters", LETTERS)
    code, out, _ = state(capsys, tmp_path / "dead-letters")
    assert code == 0
    for said in (
        "9, the oldest since",
        "5 check",
        "4 bad-type",
        "gpu.temperature for sqlite: check, 3 attempts: value must be >= 0",
        "… and 4 more",
        "sqlite: 10 buried, 1 discarded",
        "into sqlite, all before offset 5",
    ):
        assert said in out, said


async def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object with every field of the state, as of offsets, times and the end."""
    await write(tmp_path, EVENTS)
    past = state_at(str(tmp_path), Bound(offset=1003))
    for arguments in (("--until", 1003), ("--until", 1003, "--full")):
        code, out, err = state(capsys, tmp_path, "--json", *arguments)
        found: dict[str, Any] = json.loads(out)
        assert (code, err, found["offset"], found["time"]) == (0, "", 1003, past.time)
        assert set(found["state"]) == set(State.__struct_fields__)
        assert found["state"] == json.loads(json.dumps(in_full(past.state)))
    assert json.loads(state(capsys, tmp_path, "--json")[1])["state"]["clean"] is True


async def test_a_field_without_words_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a later State has besides is printed as it is, so that nothing is hidden."""
    await write(tmp_path, EVENTS)
    monkeypatch.setattr("journal.cli.state.TOLD", TOLD - {"breakers"})
    assert 'breakers      {"sqlite":{"position":"open"' in state(capsys, tmp_path)[1]
    assert set(State.__struct_fields__) >= TOLD


async def test_where_there_is_no_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Behind the end it is that at the end, and said so; before the beginning a usage error names that."""
    await make_journal(tmp_path)
    code, out, _ = state(capsys, tmp_path, "--until", 10**9)
    assert code == 0
    assert "the journal ends here" in out
    (tmp_path / names_in(tmp_path)[0]).unlink()
    begins = int(names_in(tmp_path)[0][:20])
    code, out, err = state(capsys, tmp_path, "--until", 3)
    assert (code, out) == (2, "")
    assert err.startswith(f"forebay journal: {tmp_path}: offset 3 lies before what is kept")
    assert f"offset {begins} now" in err
    code, _, err = state(capsys, tmp_path, "--from", 3)
    assert (code, err.count("\n")) == (2, 1)
    assert "--from" in err


async def test_in_the_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The damage is named in one line, with exit code 3; before it all is well."""
    name = (await make_journal(tmp_path))[1]
    record = records_of(tmp_path, name)[4]
    assert spoil(tmp_path, record) == name
    code, out, err = state(capsys, tmp_path, "--until", record.next_offset)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert f"known, only up to offset {record.base}: {name}: byte {record.position}" in err
    assert "`forebay journal repair`" in err
    assert state(capsys, tmp_path, "--until", record.base)[0] == 0
    assert state(capsys, tmp_path)[0] == 0
    assert state(capsys, tmp_path, "--full")[0] == 3


async def test_the_whole_fold_checks_snapshots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--full agrees with the quick way on a sound journal, and tells a snapshot that is not the fold of what
    was before it, with exit code 1."""
    await make_journal(tmp_path)
    quick = json.loads(state(capsys, tmp_path, "--json")[1])
    code, out, err = state(capsys, tmp_path, "--json", "--full")
    assert (code, json.loads(out), err) == (0, quick, "")
    first = SegmentBuilder()
    first.add([metrics(0, 10)])
    wrong = SegmentBuilder(State(accepted=99, events=1), first=first.place.next_offset)
    other = tmp_path / "other"
    other.mkdir()
    for built in (first, wrong):
        (other / segment_name(built.header.first_offset)).write_bytes(built.in_file(4096))
    code, out, err = state(capsys, other, "--full")
    assert (code, err.count("\n")) == (1, 1)
    assert f"{segment_name(11)}: byte 64, offset 11: the snapshot differs in accepted from" in err
    assert "99 metrics" in out
