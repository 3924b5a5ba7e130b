"""The bytes of whole journals, made without clock, chance or process id: the same ones each time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from journal.events import Appendable, Snapshot, encode, is_plain, offsets_of, width
from journal.framing import SEGMENT_HEADER_SIZE, Place, Sealing, SegmentHeader, encode_record
from journal.metric import Offset
from journal.replay import evolve_all
from journal.segment import segment_name
from journal.state import State

BEGAN = 1_764_000_000_000_000_000
MILLISECOND = 1_000_000
SECTOR = 512


class GoldenJournal:
    """A journal record by record; `roll` begins a segment as the committer does, with a snapshot."""

    def __init__(self, number: int) -> None:
        self.id = UUID(int=0xF0EB_A000_0000_4000_8000_0000_0000_0000 + number)
        self.segments: dict[str, bytearray] = {}
        self.places: list[Place] = []
        """Where each record of the newest segment begins."""
        self.state = State()
        self.now = BEGAN
        self._place = Place(0, 0, 0)
        self._header = SegmentHeader(self.id, Offset(0), 0, self.now, Offset(0), 0)
        self.roll()

    @property
    def next_offset(self) -> Offset:
        """The offset of the next event."""
        return Offset(self._place.next_offset)

    @property
    def newest(self) -> bytearray:
        """The bytes of the newest segment, without the zeroes behind."""
        return self.segments[segment_name(self._header.first_offset)]

    def roll(self) -> None:
        """Begin the next segment with the folded state."""
        salt = 0x5EED_0000 + len(self.segments)
        first, previous = self.next_offset, self._header.first_offset
        self._header = SegmentHeader(self.id, first, salt, self.now, previous, self._place.chain)
        self.segments[segment_name(first)] = bytearray(self._header.encode())
        self._place = self._place._replace(position=SEGMENT_HEADER_SIZE)
        self.places = []
        self.add(Snapshot(self.state))

    def add(self, *events: Appendable, unsynced: int = 0, time: int | None = None) -> None:
        """Append `events` as one record, written a millisecond after the one before, or at `time`."""
        place = self._place
        self.now += MILLISECOND
        written = self.now if time is None else time
        plain = all(map(is_plain, events))
        count = sum(map(width, events))
        sealing = Sealing(place.next_offset, count, written, plain, unsynced, place.chain)
        record = encode_record(encode(events), sealing, self._header.salt)
        self.newest.extend(record)
        self.places.append(place)
        check = int.from_bytes(record[44:48], "little")
        self._place = Place(place.position + len(record), place.next_offset + count, check)
        self.state = evolve_all(self.state, offsets_of(events, place.next_offset), written)

    def write(self, directory: Path, *, without: Sequence[str] = ()) -> None:
        """Put the segments into `directory`, each filled up with zeroes to two sectors more than it has."""
        directory.mkdir(parents=True)
        for name, data in self.segments.items():
            if name not in without:
                size = (len(data) // SECTOR + 2) * SECTOR
                (directory / name).write_bytes(bytes(data).ljust(size, b"\0"))
