"""A dump gives back what was appended, of the part that was asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from journal.events import CursorAdvanced, MetricsAccepted
from journal.inspect import Bound, ControlLine, Finding, Line, MetricLine, Selection, dump
from journal.log import Journal, Options
from journal.metric import Metric
from tests.journal.building import clock, metrics
from tests.journal.test_inspect_verify import SMALL, flip, names_in, records_of

KINDS = ("gauge", "counter", "timer", "histogram", "event")


def fleet(value: int) -> Metric:
    return Metric(
        f"gpu.{value % 4}",
        float(value),
        time=None if value % 2 else value,
        kind=KINDS[value % 5],
        unit="%",
        source=f"node-{value % 3}",
        session="s",
        attributes={"n": value, "odd": bool(value % 2)},
    )


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    """200 metrics in records of five, and control events between, over several segments."""
    path = tmp_path / "journal"
    opened = await Journal.open(str(path), options=Options(segment_bytes=4096, durability="os"), now=clock())
    for value in range(0, 200, 5):
        await opened.append([MetricsAccepted([fleet(value + i) for i in range(5)])])
        if value % 50 == 0:
            await opened.append([CursorAdvanced("sqlite", opened.next_offset, value)])
    await opened.close()
    assert len(names_in(path)) > 3
    return path


def lines_of(path: Path, selection: Selection | None = None) -> list[Line]:
    told: list[Finding] = []
    lines = [line for some in dump(str(path), selection or Selection(), told.append) for line in some]
    assert told == []
    return lines


def metric_of(line: MetricLine) -> Metric:
    return Metric(
        line.name,
        line.value,
        line.time,
        line.kind,  # type: ignore[arg-type]
        line.unit,
        line.source,
        line.session,
        line.attributes,
    )


async def test_everything_comes_back(journal: Path) -> None:
    """Every offset is there once, in order; each metric equals the one appended, its time filled in."""
    lines = lines_of(journal)
    assert [line.offset for line in lines] == list(range(len(lines)))
    got = [line for line in lines if isinstance(line, MetricLine)]
    assert len(got) == 200
    for value, line in enumerate(got):
        assert metric_of(line) == Metric(
            **{**{f: getattr(fleet(value), f) for f in Metric.__struct_fields__}, "time": line.time}
        )
        assert line.time == (line.accepted_at if value % 2 else value)
    control = [line for line in lines if isinstance(line, ControlLine)]
    assert [line.event["persisted"] for line in control if line.kind == "cursor-advanced"] == [
        0,
        50,
        100,
        150,
    ]
    assert {line.kind for line in control} == {
        "snapshot",
        "journal-opened",
        "cursor-advanced",
        "journal-closed",
    }


@pytest.mark.parametrize("since", [0, 1, 17, 100, 211])
@pytest.mark.parametrize("until", [0, 1, 18, 150, None])
async def test_a_range_of_offsets(journal: Path, since: int, until: int | None) -> None:
    """From and until cut within records and across segments; until is not included."""
    every = lines_of(journal)
    got = lines_of(journal, Selection(Bound(offset=since), Bound(offset=until)))
    assert got == [each for each in every if since <= each.offset and (until is None or each.offset < until)]


async def test_a_range_of_times(journal: Path) -> None:
    """Times choose by when a record was accepted, whichever segment it is in."""
    every = lines_of(journal)

    def accepted(line: Line) -> int:
        return line.accepted_at if isinstance(line, MetricLine) else line.time

    times = sorted({accepted(line) for line in every})
    for since, until in ((times[0], times[-1]), (times[7], times[8]), (times[20], times[40]), (0, times[3])):
        got = lines_of(journal, Selection(Bound(time=since), Bound(time=until)))
        assert got == [each for each in every if since <= accepted(each) < until]


async def test_kinds_names_and_sources(journal: Path) -> None:
    """Each filter narrows; within one, any suffices; wildcards are those of a shell."""
    every = [line for line in lines_of(journal) if isinstance(line, MetricLine)]
    assert lines_of(journal, Selection(kinds=("timer", "event"))) == [
        line for line in every if line.kind in ("timer", "event")
    ]
    assert lines_of(journal, Selection(names=("gpu.[12]",), sources=("node-0", "node-2"))) == [
        line for line in every if line.name in ("gpu.1", "gpu.2") and line.source != "node-1"
    ]
    assert lines_of(journal, Selection(names=("gpu",))) == []
    cursors = lines_of(journal, Selection(kinds=("cursor-advanced", "gauge"), limit=10))
    assert len(cursors) == 10
    assert {line.kind for line in cursors} == {"cursor-advanced", "gauge"}
    assert lines_of(journal, Selection(limit=0)) == []
    assert lines_of(journal, Selection(limit=4)) == lines_of(journal)[:4]


async def test_it_goes_on_behind_a_damage_and_tells_it(journal: Path) -> None:
    """Around a damaged record every other line is given, and the loss is told as a finding."""
    every = lines_of(journal)
    name = names_in(journal)[1]
    record = records_of(journal, name)[2]
    flip(journal, name, record.position + 60)
    told: list[Finding] = []
    lines = [line for some in dump(str(journal), Selection(), told.append) for line in some]
    assert lines == [line for line in every if not record.base <= line.offset < record.next_offset]
    assert [(each.segment, each.byte, each.lost) for each in told] == [
        (name, record.position, (record.base, record.next_offset))
    ]


async def test_beside_a_writer_no_line_is_missing(tmp_path: Path) -> None:
    """A dump while a process appends and rolls is a beginning of the journal without a hole, and no finding;
    each later one reaches at least as far."""
    path = tmp_path / "journal"
    journal = await Journal.open(str(path), options=SMALL)
    reached = looked = 0
    stopped = False

    async def write() -> None:
        while not stopped:
            await asyncio.gather(*(journal.append([metrics(i, 7)]) for i in range(5)))

    writing = asyncio.ensure_future(write())
    while len(journal.segments) < 8 or looked < 5:
        committed = journal.next_offset
        lines = await asyncio.to_thread(lines_of, path)
        assert [line.offset for line in lines] == list(range(len(lines)))
        assert len(lines) >= max(committed, reached)
        reached = len(lines)
        looked += 1
    stopped = True
    await writing
    await journal.close()
    assert len(lines_of(path)) >= reached
