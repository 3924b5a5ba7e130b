"""The end of a journal is found from behind, and what comes is given once, whole and in order."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from journal.events import CursorAdvanced, Event, MetricsAccepted
from journal.framing import (
    Sealing,
    encode_record,
    records,
)
from journal.inspect import Bound, Finding, Line, MetricLine, Selection, dump
from journal.inspect.backwards import backwards
from journal.inspect.folder import SegmentFile
from journal.inspect.tail import Following, last_lines
from journal.log import Journal, Options
from journal.metric import Metric
from tests.journal.building import SegmentBuilder, clock, metrics, start_of
from tests.journal.test_inspect_verify import flip, names_in, records_of

OPTIONS = Options(segment_bytes=4096, durability="os")
ROOM = 64 * 1024


async def make_varied(path: Path) -> Path:
    """Some hundred metrics and a few control events over several segments."""
    opened = await Journal.open(str(path), options=OPTIONS, now=clock())
    for value in range(0, 300, 3):
        await opened.append([metrics(value, 3, text=value % 40)])
        if value % 30 == 0:
            await opened.append([CursorAdvanced("sqlite", opened.next_offset, value)])
    await opened.close()
    assert len(names_in(path)) > 4
    return path


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    return await make_varied(tmp_path / "journal")


def every_line(path: Path, selection: Selection | None = None) -> list[Line]:
    return [line for some in dump(str(path), selection or Selection()) for line in some]


class TestBackwards:
    @pytest.mark.parametrize("large", [0, 10_000, 300_000, 700_000])
    def test_the_same_records_in_the_other_order(self, tmp_path: Path, large: int) -> None:
        """Every record comes back, the last first, also those that are larger than what is read at a time and
        those that lie across its borders."""
        built = SegmentBuilder()
        for i in range(400):
            text = large if i % 150 == 149 else 1700 if i % 7 == 3 else i % 50
            built.add([metrics(built.place.next_offset, 1, text=text)])
        for room in (0, 5, 300_000):
            data = built.in_file(len(built.data) + room)
            (tmp_path / "x").write_bytes(data)
            forward = list(records(data, start_of(built.header), built.header.salt))
            with SegmentFile(str(tmp_path), "x") as file:
                assert list(backwards(file, built.header.salt)) == forward[::-1]

    def test_what_a_client_sent_is_no_record(self, tmp_path: Path) -> None:
        """A metric whose text is a whole record of another salt, at every alignment, is not taken for one."""
        inner = encode_record(b"\x90", Sealing(0, 1, 7, True, 0, 0), 1).decode("latin-1")
        built = SegmentBuilder()
        for shift in range(8):
            attributes = {"text": "x" * shift + inner}
            built.add([MetricsAccepted([Metric("m", 1.0, attributes=attributes)])])
        (tmp_path / "x").write_bytes(built.in_file(ROOM))
        with SegmentFile(str(tmp_path), "x") as file:
            assert len(list(backwards(file, built.header.salt))) == 9


class TestLastLines:
    @pytest.mark.parametrize("many", [0, 1, 2, 10, 57, 200, 100_000])
    async def test_they_are_the_end_of_a_dump(self, journal: Path, many: int) -> None:
        """The last lines are those that a dump ends with, however many and whatever is asked for."""
        for selection in (
            Selection(),
            Selection(names=("m1*",)),
            Selection(kinds=("cursor-advanced", "journal-closed")),
            Selection(until=Bound(offset=211)),
            Selection(since=Bound(offset=250)),
            Selection(since=Bound(offset=17), until=Bound(offset=18)),
            Selection(names=("nobody",)),
            Selection(grep="m[0-9]*7 "),
        ):
            every = every_line(journal, selection)
            assert last_lines(str(journal), selection, many) == every[max(len(every) - many, 0) :]

    async def test_bounds_in_time(self, journal: Path) -> None:
        """A range of times cuts as a dump's does, at the end and at the beginning."""
        times = sorted({line.accepted_at for line in every_line(journal) if isinstance(line, MetricLine)})
        for since, until in ((times[3], times[50]), (times[60], times[-1]), (0, times[1])):
            selection = Selection(Bound(time=since), Bound(time=until))
            assert last_lines(str(journal), selection, 1000) == every_line(journal, selection)
            assert last_lines(str(journal), selection, 4) == every_line(journal, selection)[-4:]

    async def test_a_damage_on_the_way_is_told(self, journal: Path) -> None:
        """The lines around a damaged record are given, and what is lost is told; one that lies before the
        lines that are asked for is not met."""
        every = every_line(journal)
        name = names_in(journal)[-2]
        record = records_of(journal, name)[4]
        flip(journal, name, record.position + 60)
        told: list[Finding] = []
        lines = last_lines(str(journal), Selection(), 100_000, told.append)
        assert lines == [line for line in every if not record.base <= line.offset < record.next_offset]
        assert [(each.segment, each.byte, each.lost) for each in told] == [
            (name, record.position, (record.base, record.next_offset))
        ]
        told.clear()
        assert last_lines(str(journal), Selection(), 2, told.append) == every[-2:]
        assert told == []

    async def test_a_missing_segment_is_told(self, journal: Path) -> None:
        """Where a segment is not there, its offsets are told as lost, and the lines before it are given."""
        first, gone, after = names_in(journal)[1:4]
        (journal / gone).unlink()
        told: list[Finding] = []
        lines = last_lines(str(journal), Selection(), 100_000, told.append)
        assert [each.lost for each in told] == [(int(gone[:20]), int(after[:20]))]
        assert told[0].segment == first
        assert {line.offset for line in lines} >= {0, int(gone[:20]) - 1, int(after[:20])}


async def test_following_gives_the_lines_of_a_dump(tmp_path: Path) -> None:
    """What is followed with a selection is what a dump with it shows of what came."""
    path = tmp_path / "journal"
    opened = await Journal.open(str(path), options=OPTIONS)
    selection = Selection(names=("m1*",), grep="text=x{3,}")
    following = Following(str(path), selection)
    begin = following.next_offset
    lines: list[bytes] = []
    with closing(following):
        for i in range(99):
            events: list[Event] = [metrics(i, 3, text=i % 9), CursorAdvanced("sqlite", opened.next_offset, i)]
            await opened.append(events)
        await opened.close()
        more = True
        while more:
            some, notices, more = following.poll(0.0)
            lines += [msgspec.json.encode(line) for each in some for line in each]
            assert notices == []
    expected = [msgspec.json.encode(line) for line in every_line(path, selection) if line.offset >= begin]
    assert len(expected) > 10
    assert lines == expected


async def test_following_ends_with_its_range(tmp_path: Path) -> None:
    """With an offset as its end, it has ended when that is reached, and shows nothing of behind."""
    path = tmp_path / "journal"
    opened = await Journal.open(str(path), options=OPTIONS)
    end = opened.next_offset + 4
    following = Following(str(path), Selection(until=Bound(offset=end)))
    with closing(following):
        assert not following.ended
        await opened.append([metrics(0, 3)])
        first, _, _ = following.poll(0.0)
        assert not following.ended
        await opened.append([metrics(3, 3)])
        second, _, _ = following.poll(0.0)
        assert following.ended
    await opened.close()
    assert [line.offset for some in (*first, *second) for line in some] == list(range(end - 4, end))
