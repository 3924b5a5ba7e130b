"""What comes into a journal is given once, whole and in order, whatever happens to the journal meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from journal.events import MetricsAccepted
from journal.framing import (
    Record,
)
from journal.inspect.follow import Follower, Missed, Notice, Replaced, Unreadable, WentBack
from journal.log import Journal
from journal.segment import JournalCorruptError
from tests.journal.building import SegmentBuilder, metrics
from tests.journal.test_inspect_tail import OPTIONS, make_varied
from tests.journal.test_inspect_verify import flip, names_in, records_of

ROOM = 64 * 1024


class Watch:
    """A Follower under a clock of its own, and all that it has given."""

    def __init__(self, path: Path) -> None:
        self.follower = Follower(str(path))
        self.records: list[Record] = []
        self.notices: list[Notice] = []
        self._now = count(step=10)

    def look(self) -> None:
        """Poll until nothing comes, ten seconds apart, and long enough for what is not whole to be told."""
        quiet = 0
        while quiet < 4:
            steps = self.follower.poll(next(self._now))
            quiet = 0 if steps else quiet + 1
            for step in steps:
                if isinstance(step, Record):
                    self.records.append(step)
                else:
                    self.notices.append(step)

    @property
    def offsets(self) -> list[int]:
        return [offset for each in self.records for offset in range(each.base, each.next_offset)]

    @property
    def values(self) -> list[float]:
        return [
            metric.value
            for record in self.records
            for event in record.events()
            if isinstance(event, MetricsAccepted)
            for metric in event.metrics
        ]


@pytest.fixture
def built(tmp_path: Path) -> SegmentBuilder:
    """A segment of a few records, which `put` lays into a journal's directory."""
    built = SegmentBuilder()
    for _ in range(5):
        built.add([metrics(built.place.next_offset, 2)])
    return built


def put(path: Path, data: bytes, first: int = 0) -> Path:
    """Write a segment in place, as a journal does; returns the directory."""
    directory = path / "journal"
    directory.mkdir(exist_ok=True)
    file = directory / f"{first:020d}.segment"
    with file.open("r+b" if file.exists() else "w+b") as out:
        out.write(data.ljust(ROOM, b"\0"))
    return directory


@pytest.fixture
def watch(tmp_path: Path, built: SegmentBuilder) -> Iterator[Watch]:
    watch = Watch(put(tmp_path, built.data))
    with closing(watch.follower):
        yield watch


async def test_across_rolls_restarts_and_retention(tmp_path: Path) -> None:
    """Each record is given once and in order while the journal rolls, retires segments that are recycled
    under other names, is closed, opened again, and left without being closed."""
    path = tmp_path / "journal"
    opened = await Journal.open(str(path), options=OPTIONS)
    watch = Watch(path)
    begin = watch.follower.next_offset
    with closing(watch.follower):
        for turn in range(6):
            for i in range(40):
                await opened.append([metrics(i, 3, text=20)])
                if i % 7 == 0:
                    watch.look()
            watch.look()
            await opened.retire([each.first_offset for each in opened.segments[:-2]])
            await opened.prepare()
            watch.look()
            if turn % 2:
                await opened.close()
                watch.look()
                opened = await Journal.open(str(path), options=OPTIONS)
        await opened.close()
        watch.look()
    assert watch.offsets == list(range(begin, opened.next_offset))
    assert watch.notices == []


async def test_what_was_retired_before_it_was_read_is_told(tmp_path: Path) -> None:
    """Who is slower than retention is told which offsets it has missed, and goes on behind them."""
    path = tmp_path / "journal"
    opened = await Journal.open(str(path), options=OPTIONS)
    watch = Watch(path)
    begin = watch.follower.next_offset
    with closing(watch.follower):
        for i in range(100):
            await opened.append([metrics(i, 3, text=20)])
        await opened.retire([each.first_offset for each in opened.segments[:-2]])
        await opened.prepare()
        await opened.close()
        watch.look()
    (missed,) = watch.notices
    assert isinstance(missed, Missed)
    assert missed.end == opened.first_offset
    shown = [each for each in range(begin, opened.next_offset) if not missed.offset <= each < missed.end]
    assert watch.offsets == shown


def test_a_record_shows_when_it_is_whole(tmp_path: Path, built: SegmentBuilder, watch: Watch) -> None:
    """However a record comes into the file, byte by byte, nothing shows before its last byte."""
    before = len(built.data)
    built.add([metrics(100, 2)])
    for end in range(before, len(built.data)):
        put(tmp_path, built.data[:end])
        assert not [step for step in watch.follower.poll(0.0) if isinstance(step, Record)]
    put(tmp_path, built.data)
    watch.look()
    assert watch.values == [100.0, 101.0]


def test_a_torn_tail_that_is_cut(tmp_path: Path, built: SegmentBuilder, watch: Watch) -> None:
    """An unfinished write is told once; when a start has cut it, what comes instead is given as ever."""
    place, sound = built.place, bytes(built.data)
    built.add([metrics(100, 2, text=600)])
    put(tmp_path, built.data[: len(sound) + 500])
    watch.look()
    watch.look()
    name = f"{0:020d}.segment"
    assert watch.notices == [Unreadable(name, place.position, place.next_offset, None)]
    put(tmp_path, sound)
    watch.look()
    built.data[:], built.place = sound, place
    built.add([metrics(7, 1)])
    put(tmp_path, built.data)
    watch.look()
    assert (watch.values, len(watch.notices)) == ([7.0], 1)


@pytest.mark.parametrize("lost", [1, 2, 5])
@pytest.mark.parametrize("seen", ["wiped", "overwritten"])
def test_a_journal_that_has_gone_back(
    tmp_path: Path, built: SegmentBuilder, watch: Watch, lost: int, seen: str
) -> None:
    """Where records that were given are not there any more, whether the place is empty or has others
    already, it is told from which offset on they do not count; what has their offsets now is given."""
    for i in range(5):
        built.add([metrics(100 + i, 1)])
    put(tmp_path, built.data)
    watch.look()
    assert watch.values == [100.0, 101.0, 102.0, 103.0, 104.0]
    end = built.place.next_offset
    built.place = built.places[-1 - lost]
    del built.data[built.place.position :]
    went_back = WentBack(built.place.next_offset, end)
    if seen == "wiped":
        put(tmp_path, built.data)
        watch.look()
        assert watch.notices == [went_back]
    for i in range(7):
        built.add([metrics(200 + i, 1, text=3)])
    put(tmp_path, built.data)
    watch.look()
    assert watch.values[5:] == [200.0 + i for i in range(7)]
    assert watch.notices == [went_back]
    assert watch.offsets[5:] == list(range(went_back.offset, built.place.next_offset))
    assert str(went_back.offset) in str(went_back)


def test_a_journal_that_has_gone_back_behind_what_was_there_first(
    tmp_path: Path, built: SegmentBuilder, watch: Watch
) -> None:
    """What was there before the following began, and is lost too, is not shown a second time."""
    built.add([metrics(100, 1)])
    put(tmp_path, built.data)
    watch.look()
    end, built.place = built.place.next_offset, built.places[2]
    del built.data[built.place.position :]
    built.add([metrics(300, 1)])
    put(tmp_path, built.data)
    watch.look()
    assert watch.values == [100.0, 300.0]
    assert watch.notices == [WentBack(built.places[2].next_offset, end)]


def test_another_journal_in_its_place(tmp_path: Path, watch: Watch) -> None:
    """Where another journal takes the directory, it is told, and that is followed from its start."""
    shutil.rmtree(tmp_path / "journal")
    other = SegmentBuilder()
    header = replace(other.header, journal_id=UUID(int=5))
    other.data[: len(header.encode())] = header.encode()
    other.add([metrics(50, 1)])
    put(tmp_path, other.data)
    watch.look()
    assert watch.notices == [Replaced(header.journal_id)]
    assert watch.offsets == [0, 1]


def test_a_copy_put_in_its_place(tmp_path: Path, built: SegmentBuilder, watch: Watch) -> None:
    """A segment that is another file with the same records and more, as after a repair, is no event."""
    built.add([metrics(50, 1)])
    path = put(tmp_path, built.data)
    name = path / f"{0:020d}.segment"
    shutil.copy(name, path / "copy")
    os.replace(path / "copy", name)
    watch.look()
    assert (watch.values, watch.notices) == ([50.0], [])


async def test_over_a_damage(tmp_path: Path) -> None:
    """Where a record behind the last one given cannot be read, and later ones can, it is told which
    offsets are lost, and the rest is given."""
    journal = await make_varied(tmp_path / "journal")
    names = names_in(journal)
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(journal / names[1], copy)
    damaged = records_of(journal, names[2])[3]
    last = records_of(journal, names[3])[-1]
    watch = Watch(copy)
    begin = watch.follower.next_offset
    with closing(watch.follower):
        for name in names[2:]:
            shutil.copy(journal / name, copy)
        flip(copy, names[2], damaged.position + 60)
        flip(copy, names[3], last.position + 60)
        watch.look()
    assert watch.notices == [
        Unreadable(names[2], damaged.position, damaged.base, damaged.next_offset),
        Unreadable(names[3], last.position, last.base, last.next_offset),
    ]
    lost = {*range(damaged.base, damaged.next_offset), *range(last.base, last.next_offset)}
    end = records_of(journal, names[-1])[-1].next_offset
    assert watch.offsets == [each for each in range(begin, end) if each not in lost]


def test_a_newest_segment_without_a_header(tmp_path: Path, built: SegmentBuilder) -> None:
    """Nothing can be followed behind a header that says nothing: an error that says where."""
    path = put(tmp_path, built.data)
    flip(path, f"{0:020d}.segment", 3)
    with pytest.raises(JournalCorruptError, match="segment header damaged"):
        Follower(str(path))
