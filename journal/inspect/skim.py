"""The lean loop: passes over sound records of plain metrics by checksum, without making Records of them.

It repeats what framing.read_record and framing.follows check, unrolled, because that is where the time of a
verification goes. It never says that something is wrong: at anything but a sound, plain record that begins
as this version writes them it stops, and framing has the word.

How far the payload is looked into is for the tally to say. A plain record is one write of one process, so
its events are all of one version: where the first is known, all are, and a fold need know no more.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Final

from journal.events import MetricsAccepted, MetricsAsSent, encode
from journal.framing import RECORD_HEADER_SIZE, RECORD_MAGIC, UNCHECKED_SIZE, Place, RecordHeader
from journal.inspect.holding import Holds
from journal.metric import MAX_INT64, Metric, Nanoseconds

_RECORD = struct.Struct("<4sIQIIq4xIII")
_PLAIN_UNMASKED: Final = 0x100

# What follows an array's first byte or three: a map of type and more, as far as it is always the same.
_BEGINNINGS: Final = (
    encode([MetricsAccepted([Metric("x", 0.0)])])[1:25],
    encode([MetricsAsSent(b"{}", 1)])[1:27],
)
_AFTER_SHORT, _AFTER_LONG = RECORD_HEADER_SIZE + 1, RECORD_HEADER_SIZE + 3


class Tally:
    """What has been passed over: records, their metrics, and when the first and last were written.

    A record is passed over only if it ends at or before offset `until`, was written before `before`, and
    `holds` finds as many metrics in it as it says. Without `holds` its beginning tells what it is.
    """

    def __init__(
        self, until: int = MAX_INT64, before: Nanoseconds = MAX_INT64, holds: Holds | None = None
    ) -> None:
        self.until = until
        self.before = before
        self.holds = holds
        self.clear()

    def clear(self) -> None:
        """Begin to count anew."""
        self.records = 0
        self.metrics = 0
        self.first_time: Nanoseconds = 0
        self.last_time: Nanoseconds = 0

    def add(self, records: int, metrics: int, first_time: Nanoseconds, last_time: Nanoseconds) -> None:
        """Count records that follow those counted so far."""
        if not self.records:
            self.first_time = first_time
        self.records += records
        self.metrics += metrics
        self.last_time = last_time


def skim(data: bytes, at: int, place: Place, salt: int, tally: Tally) -> Place:
    """The place behind the plain, sound records from `place` on; `data` are the bytes from `at` on."""
    unpack, crc32, end_of_data = _RECORD.unpack_from, zlib.crc32, len(data)
    position, records, metrics, first, time = place.position - at, 0, 0, 0, 0
    _, next_offset, last = place
    until, before, holds = tally.until, tally.before, tally.holds
    begins = data.startswith
    while position + RECORD_HEADER_SIZE <= end_of_data:
        magic, length, base, count, flags, written, chain, data_check, check = unpack(data, position)
        start = position + RECORD_HEADER_SIZE
        # 4 to 11 bytes of padding, up to a multiple of 8
        end = start + (length + 11 & ~7)
        # A slice of bytes takes half the time of one of a memoryview, and of the large ones there are few.
        if (
            chain != last
            or base != next_offset
            or flags != _PLAIN_UNMASKED
            or magic != RECORD_MAGIC
            or end > end_of_data
            or base + count > until
            or written >= before
            or crc32(data[position : position + UNCHECKED_SIZE], salt) != check
            or crc32(data[start:end]) != data_check
        ):
            break
        if holds is not None:
            if holds(data[start : start + length]) != count:
                break
        elif not (begins(_BEGINNINGS, position + _AFTER_SHORT) or _begins_known(data, position)):
            break
        next_offset, last, position, time = base + count, check, end, written
        metrics += count
        if not records:
            first = written
        records += 1
    if records:
        tally.add(records, metrics, first, time)
    return Place(at + position, next_offset, last)


def skim_large(
    read: Callable[[int, int], bytes], data: bytes, place: Place, header: RecordHeader, tally: Tally
) -> Place | None:
    """The place behind a plain, sound record that is larger than `data`, with which it begins; or None, also
    where it has to be looked into.

    `read` gives bytes from a position: the record is never in memory as a whole.
    """
    if (
        tally.holds is not None
        or header.flags != _PLAIN_UNMASKED
        or header.base != place.next_offset
        or header.chain != place.chain
        or header.base + header.count > tally.until
        or header.time >= tally.before
        or not _begins_known(data, 0)
    ):
        return None
    position, end = place.position + len(data), place.position + header.size
    with memoryview(data) as view:
        check = zlib.crc32(view[RECORD_HEADER_SIZE:])
    while position < end and (more := read(position, min(len(data), end - position))):
        check = zlib.crc32(more, check)
        position += len(more)
    if position != end or check != header.data_check:
        return None
    tally.add(1, header.count, header.time, header.time)
    return Place(end, header.base + header.count, header.check)


def _begins_known(data: bytes, position: int) -> bool:
    return data.startswith(_BEGINNINGS, position + _AFTER_SHORT) or data.startswith(
        _BEGINNINGS, position + _AFTER_LONG
    )
