"""Metrics, records and segments for tests, and what a journal on a disk holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from journal.disk import FileSystem
from journal.events import Event, MetricsAccepted, Snapshot, encode, is_plain, width
from journal.framing import (
    SEGMENT_HEADER_SIZE,
    Clean,
    Place,
    Record,
    Sealing,
    SegmentHeader,
    classify,
    decode_segment_header,
    encode_record,
    records,
)
from journal.metric import Metric, Offset
from journal.replay import fold
from journal.segment import check_links, first_offset_of
from journal.state import State

JOURNAL_ID = UUID("12345678-1234-5678-1234-567812345678")
SALT = 0x5EED5A17
T = TypeVar("T")


def metrics(first: int, count: int, *, text: int = 0) -> MetricsAccepted:
    """`count` metrics whose values tell them apart, with `text` bytes of attribute each."""
    attributes = {"text": "x" * text} if text else {}
    return MetricsAccepted(
        [Metric(f"m{first + i}", float(first + i), attributes=attributes) for i in range(count)]
    )


class SegmentBuilder:
    """The bytes of a segment, record by record."""

    def __init__(self, state: State | None = None, *, first: int = 0, salt: int = SALT) -> None:
        self.header = SegmentHeader(JOURNAL_ID, Offset(first), salt, 1, Offset(first), 0)
        self.data = bytearray(self.header.encode())
        self.place = Place(SEGMENT_HEADER_SIZE, first, 0)
        self.places: list[Place] = []
        """The place behind each record."""
        self.add([Snapshot(state or State())])

    def add(self, events: Sequence[Event], *, unsynced: int = 0) -> Place:
        """Append a record of `events`; returns the place behind it."""
        place = self.place
        sealing = Sealing(
            place.next_offset, sum(map(width, events)), 7, all(map(is_plain, events)), unsynced, place.chain
        )
        self.data += encode_record(encode(events), sealing, self.header.salt)
        (record,) = records(bytes(self.data), place, self.header.salt)
        self.place = place.after(record)
        self.places.append(self.place)
        return self.place

    def in_file(self, size: int) -> bytes:
        """The segment as it stands in a file of `size` zeroes."""
        return bytes(self.data).ljust(size, b"\0")


def varied_segment(count: int) -> SegmentBuilder:
    """`count` records behind the snapshot: mostly small, some across a sector's end, some over several."""
    built = SegmentBuilder()
    for i in range(count):
        text = 1500 if i % 97 == 50 else 300 if i % 23 == 11 else i % 7
        built.add([metrics(built.place.next_offset, 1, text=text)])
    return built


def start_of(header: SegmentHeader) -> Place:
    """The place of a segment's first record."""
    return Place(SEGMENT_HEADER_SIZE, header.first_offset, header.chain)


def read_journal(fs: FileSystem, directory: str) -> list[Record]:
    """Every record of the journal, each segment whole and linked to the one before; raises where not."""
    names = [name for name in fs.names(directory) if first_offset_of(name) is not None]
    found: list[Record] = []
    headers: list[tuple[str, SegmentHeader]] = []
    for name in names:
        file = fs.open(os.path.join(directory, name), write=False)
        data = file.read_at(0, file.size())
        file.close()
        header = decode_segment_header(data)
        assert isinstance(header, SegmentHeader), f"{name}: {header}"
        place = start_of(header)
        if found:
            assert (header.first_offset, header.chain) == (found[-1].next_offset, found[-1].check)
        for record in records(data, place, header.salt):
            found.append(record)
            place = place.after(record)
        assert isinstance(classify(data, place, header.salt), Clean), f"{name}: something behind the end"
        headers.append((name, header))
    check_links(headers)
    return found


def values_in(found: Sequence[Record]) -> list[float]:
    """The values of every metric in the records, in order."""
    return [
        metric.value
        for record in found
        for event in record.events()
        if isinstance(event, MetricsAccepted)
        for metric in event.metrics
    ]


def folded(found: Sequence[Record]) -> State:
    """The state that the records fold to."""
    return fold(State(), found)


def clock() -> Callable[[], int]:
    """A `now` that moves on by one each time."""
    ticks = iter(range(1_000_000, 1 << 60))
    return lambda: next(ticks)
