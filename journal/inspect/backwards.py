"""A segment's records, the last first: what was written last is found without reading what was before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from journal.framing import (
    ALIGNMENT,
    RECORD_HEADER_SIZE,
    RECORD_MAGIC,
    SEGMENT_HEADER_SIZE,
    Record,
    read_header,
    read_record,
)
from journal.inspect.folder import SegmentFile
from journal.inspect.walk import CHUNK

_ZEROES: Final = bytes(CHUNK)


def backwards(file: SegmentFile, salt: int) -> Iterator[Record]:
    """Each whole record of the segment, from its end to its beginning.

    That one follows the other is for the caller to see: over a damage it goes on. No payload can hold what
    passes for a record, since nobody who sends one knows the salt. Raises OSError.
    """
    high = bound = file.size // ALIGNMENT * ALIGNMENT
    while high > SEGMENT_HEADER_SIZE:
        low = max(SEGMENT_HEADER_SIZE, high - CHUNK)
        data = file.read(low, high - low)
        at = -1 if _ZEROES.startswith(data) else data.rfind(RECORD_MAGIC)
        while at >= 0:
            if at % ALIGNMENT == 0:
                record = _record_at(file, data, low, at, salt)
                if record is not None and record.position + record.size <= bound:
                    yield record
                    bound = record.position
            at = data.rfind(RECORD_MAGIC, 0, at)
        high = low


def _record_at(file: SegmentFile, data: bytes, low: int, at: int, salt: int) -> Record | None:
    """The record at `at` of `data`, which are the segment's bytes from `low` on, if it is whole."""
    position = low + at
    head = data if at + RECORD_HEADER_SIZE <= len(data) else file.read(position, RECORD_HEADER_SIZE)
    header = read_header(head, at if head is data else 0, salt)
    if header is None:
        return None
    whole = data[at : at + header.size] if at + header.size <= len(data) else file.read(position, header.size)
    record = read_record(whole, 0, salt)
    return None if record is None else replace(record, position=position)
