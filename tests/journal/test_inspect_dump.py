"""A dump gives back what was appended, of the part that was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from journal.events import (
    ActorCrashed,
    CursorAdvanced,
    MetricsAccepted,
    MetricsAsSent,
    OffsetsLost,
    pack_metrics,
)
from journal.framing import Record
from journal.inspect import (
    Bound,
    ControlLine,
    Finding,
    Line,
    MetricLine,
    Selection,
    dump,
    dump_json,
    dump_raw,
)
from journal.log import Journal, Options
from journal.metric import Metric, Offset
from tests.journal.building import SegmentBuilder, clock, metrics
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


@pytest.fixture
async def motley(tmp_path: Path) -> Path:
    """All forms in which metrics are kept, alone and together in a record, small, large and masked, and
    events that take many offsets or hold much."""
    path = tmp_path / "data" / "journal"
    opened = await Journal.open(
        str(path), options=Options(segment_bytes=8 << 20, durability="os"), now=clock()
    )
    said = b'{"value": 1e3, "name": "caf\\u00e9", "kind": "gauge", "unit": "", "attributes": {}, "time": 9}'
    await opened.append([MetricsAsSent(b" " + said, 1)])
    await opened.append([MetricsAsSent(b"[%b,\n%b]" % (said, said), 2, key="again")])
    await opened.append([pack_metrics([fleet(value) for value in range(7)], key="k")])
    await opened.append([MetricsAccepted([Metric("zeroes", 1.0, attributes={"text": "\0" * 4000})])])
    await opened.append([OffsetsLost(40, 38, "record damaged", exact=False)])
    await opened.append([ActorCrashed("/stores/sqlite", "disk I/O error", "Traceback …\n  line 7")])
    body = msgspec.json.encode([fleet(value) for value in range(50)])
    await asyncio.gather(
        *(opened.append([MetricsAsSent(body, 50)]) for _ in range(30)),
        opened.append([CursorAdvanced("sqlite", Offset(3), 3)]),
        *(opened.append([pack_metrics([fleet(value) for value in range(each)])]) for each in (1, 700, 20)),
    )
    await opened.append([metrics(0, 3, text=400_000)])
    await opened.close()
    every = lines_of(path)
    assert any(record.count > 1500 for name in names_in(path) for record in records_of(path, name))
    assert {line.kind for line in every} > {"offsets-lost", "actor-crashed", "cursor-advanced", *KINDS}
    return path


def json_of(lines: Sequence[Line]) -> bytes:
    return msgspec.json.Encoder().encode_lines(lines)


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(Bound(offset=5), Bound(offset=60)),
        Selection(Bound(offset=30), Bound(offset=31)),
        Selection(Bound(time=1_000_009)),
        Selection(limit=13),
        Selection(limit=900),
        Selection(kinds=("timer", "actor-crashed")),
        Selection(names=("gpu.1",), sources=("node-*",), limit=100),
        Selection(grep="n=4[79]|line 7"),
    ],
    ids=repr,
)
async def test_json_is_what_the_lines_encode_to(motley: Path, selection: Selection) -> None:
    """The quick way to JSON gives the very bytes that the lines of a dump encode to, of any selection."""
    lines = lines_of(motley, selection)
    assert lines
    assert b"".join(dump_json(str(motley), selection)) == json_of(lines)


async def test_a_pattern_is_looked_for_in_all_that_a_line_says(motley: Path) -> None:
    """Name, value, unit, source, session, attributes, kind, event fields and error texts."""

    def kinds(pattern: str) -> set[str]:
        return {line.kind for line in lines_of(motley, Selection(grep=pattern))}

    assert kinds("^café 1000$") == {"gauge"}
    assert kinds(r"^gpu\.\d 19 % node-1 s n=19 odd=true$") == {"event"}
    assert kinds("^timer$") == {"timer"}
    assert kinds("disk I/O") == kinds("Traceback …\n") == {"actor-crashed"}
    assert kinds("what=record damaged") == kinds("exact=false") == {"offsets-lost"}
    assert kinds("(?i)GPU.0 0 ") == {"gauge"}


async def test_lost_offsets_are_one_line_wherever_a_range_meets_them(motley: Path) -> None:
    """The event shows its first offset, how many, of them metrics, and why; also from within what it took."""
    (line,) = lines_of(motley, Selection(kinds=("offsets-lost",)))
    assert isinstance(line, ControlLine)
    assert line.event == {"count": 40, "metrics": 38, "what": "record damaged", "exact": False}
    for since in (line.offset, line.offset + 20, line.offset + 39):
        assert lines_of(motley, Selection(Bound(offset=since), Bound(offset=since + 1))) == [line]
    (behind, *_) = lines_of(motley, Selection(Bound(offset=line.offset + 40)))
    assert behind.offset == line.offset + 40


async def test_raw_is_the_bytes_of_the_file(motley: Path) -> None:
    """All of it is every segment without header and zeroes; a part of it, the whole records that hold it."""
    whole = b"".join((motley / name).read_bytes()[64:].rstrip(b"\0") for name in names_in(motley))
    assert b"".join(dump_raw(str(motley), Selection())) == whole
    (name,) = names_in(motley)
    data, records = (motley / name).read_bytes(), records_of(motley, name)

    def raw(record: Record) -> bytes:
        return data[record.position : record.position + record.size]

    for record in records:
        within = record.base + record.count // 2
        found = b"".join(dump_raw(str(motley), Selection(Bound(offset=within), Bound(offset=within + 1))))
        assert found == raw(record)
    crashed = [each for each in records if any(isinstance(event, ActorCrashed) for event in each.events())]
    assert b"".join(dump_raw(str(motley), Selection(kinds=("actor-crashed",)))) == b"".join(map(raw, crashed))
    assert b"".join(dump_raw(str(motley), Selection(limit=3))) == b"".join(map(raw, records[:3]))
    assert b"".join(dump_raw(str(motley), Selection(limit=0))) == b""


class Strange(msgspec.Struct, frozen=True, tag_field="type", tag="strange/1"):
    pass


async def test_what_another_version_wrote_is_told_and_the_rest_is_shown(tmp_path: Path) -> None:
    """An event that is not known costs the lines of its own record, in every form; as bytes it is given."""
    built = SegmentBuilder()
    for value in range(3):
        built.add([metrics(value, 2)])
    strange = built.place
    built.add([metrics(7, 1), Strange()])  # type: ignore[list-item]
    built.add([metrics(8, 2)])
    built.add([MetricsAsSent(b'[{"name":"too few","value":1}]', 2)])  # type: ignore[list-item]
    (tmp_path / "00000000000000000000.segment").write_bytes(built.in_file(len(built.data) + 64))
    told: list[Finding] = []
    lines = [line for some in dump(str(tmp_path), Selection(), told.append) for line in some]
    assert [line.offset for line in lines] == [0, 1, 2, 3, 4, 5, 6, 9, 10]
    assert [(each.condition, each.offset, each.lost) for each in told] == [
        ("event", 8, (7, 9)),
        ("event", 11, (11, 13)),
    ]
    assert told[0].byte == strange.position
    again: list[Finding] = []
    assert b"".join(dump_json(str(tmp_path), Selection(), again.append)) == json_of(lines)
    assert again == told
    raw = b"".join(dump_raw(str(tmp_path), Selection(), again.append))
    assert raw == bytes(built.data[64:])
    assert again == told


@pytest.mark.parametrize("now", [-(2**63), -6, -1, 0, 1, 256])
async def test_a_clock_that_was_far_off_is_shown_as_it_was(tmp_path: Path, now: int) -> None:
    """Whatever the time of a record, JSON says it: no number counts as left out."""
    opened = await Journal.open(str(tmp_path / "journal"), options=SMALL, now=lambda: now)
    await opened.append([MetricsAsSent(b'{"name": "early", "value": 0}', 1)])
    await opened.close()
    selection = Selection(names=("early",))
    (line,) = lines_of(tmp_path / "journal", selection)
    assert isinstance(line, MetricLine)
    assert (line.time, line.accepted_at) == (now, now)
    assert b"".join(dump_json(str(tmp_path / "journal"), selection)) == json_of([line])
