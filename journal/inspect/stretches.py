"""Reads the records of a segment by the chunk: the lean loop for whoever wants what is in them.

Like skim.py it repeats, unrolled, what framing.read_record and framing.follows check, and never says that
something is wrong: where it meets anything but a sound record it leaves the segment to walk.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec

from journal.framing import (
    MASK_BITS,
    PLAIN_BIT,
    RECORD,
    RECORD_HEADER_SIZE,
    RECORD_MAGIC,
    SEGMENT_HEADER_SIZE,
    UNCHECKED_SIZE,
    Clean,
    Place,
    Record,
    SegmentHeader,
    follows,
    read_header,
    read_record,
)
from journal.inspect.folder import SegmentFile
from journal.inspect.walk import Damage, End, walk, written_end
from journal.metric import Offset

CHUNK: Final = 32 * 1024
"""Bytes read at a time: so few that what is made of them is still in the cache when it is encoded."""


class Stretch(msgspec.Struct, frozen=True):
    """Sound records, at least one, that follow one another; `data` are the segment's bytes from `at` on,
    those of the records among them."""

    records: list[Record]
    data: bytes
    at: int

    def raw(self, record: Record) -> bytes:
        """The bytes of `record` as they are in the file."""
        start = record.position - self.at
        return self.data[start : start + record.size]


Step: TypeAlias = Stretch | Damage | End


def stretches(file: SegmentFile, header: SegmentHeader, *, newest: bool) -> Iterator[Step]:
    """The records of the segment in order, each damage between, and last the End; as `walk` has them.

    Memory is bounded as there. Raises OSError as the disk says, FileNotFoundError where retention took it.
    """
    place = Place(SEGMENT_HEADER_SIZE, header.first_offset, header.chain)
    want = CHUNK
    while True:
        at = place.position
        data = file.read(at, want)
        found = _sound(data, at, place, header.salt)
        if found:
            place = place.after(found[-1])
            yield Stretch(found, data, at)
            continue
        ahead = read_header(data, 0, header.salt)
        if ahead is not None and len(data) < ahead.size <= file.size - at:
            want = max(CHUNK, 2 * ahead.size)
            continue
        if written_end(file, at) <= at:
            yield End(place, Clean(at))
            return
        break
    for step in walk(file, header, newest=newest, begin=place):
        if isinstance(step, Record):
            data = file.read(step.position, step.size)
            if read_record(data, 0, header.salt) is None:
                # It was whole a moment ago: retention has taken the segment and makes zeroes of it.
                raise FileNotFoundError(file.path)
            yield Stretch([step], data, step.position)
        else:
            yield step


def _sound(data: bytes, at: int, place: Place, salt: int) -> list[Record]:
    """The records from `place` on that are whole in `data`, the bytes from `at` on, and follow."""
    unpack, crc32, end_of_data = RECORD.unpack_from, zlib.crc32, len(data)
    position, next_offset, last = place.position - at, place.next_offset, place.chain
    records: list[Record] = []
    with memoryview(data) as view:
        while position + RECORD_HEADER_SIZE <= end_of_data:
            magic, length, base, count, flags, time, unsynced, chain, data_check, check = unpack(
                data, position
            )
            start = position + RECORD_HEADER_SIZE
            # 4 to 11 bytes of padding, up to a multiple of 8
            end = start + (length + 11 & ~7)
            if (
                chain != last
                or base != next_offset
                or magic != RECORD_MAGIC
                or end > end_of_data
                or crc32(view[position : position + UNCHECKED_SIZE], salt) != check
                or crc32(view[start:end]) != data_check
            ):
                break
            if flags & MASK_BITS:
                masked = read_record(data, position, salt)
                if masked is None or not follows(masked, Place(position, next_offset, last)):
                    break
                payload = masked.payload
            else:
                payload = data[start : start + length]
            records.append(
                Record(
                    at + position,
                    end - position,
                    Offset(base),
                    count,
                    time,
                    bool(flags & PLAIN_BIT),
                    unsynced,
                    chain,
                    check,
                    payload,
                )
            )
            next_offset, last, position = base + count, check, end
    return records
