"""Walks through a segment record by record, over damage too, while another process may be writing to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from journal.framing import (
    RECORD_HEADER_SIZE,
    RECORD_MAGIC,
    SECTOR,
    SEGMENT_HEADER_SIZE,
    Clean,
    Ending,
    Place,
    Record,
    Rotten,
    SegmentHeader,
    Torn,
    classify,
    follows,
    read_header,
    read_record,
)
from journal.inspect.findings import Finding
from journal.inspect.folder import SegmentFile
from journal.inspect.skim import Tally, skim, skim_large

CHUNK: Final = 256 * 1024
"""Bytes read at a time: few enough to stay in a core's cache. A larger record is read whole, or skimmed."""

_ZEROES = bytes(CHUNK)
_LOOKS: Final = 6
_LOOK_EVERY: Final = 0.05
"""Seconds. A write that another process has begun is whole by then, or will not be soon."""


class Damage(msgspec.Struct, frozen=True):
    """Bytes `[position, end)` are no record that belongs there; at `end` the journal goes on with offset
    `upto`, where `first` was due. `chain` is the check of the record before.
    """

    position: int
    end: int
    first: int
    upto: int
    what: str
    whole: bool
    """No byte is damaged: a sound record does not follow the one before."""
    chain: int = 0

    @property
    def lost(self) -> tuple[int, int] | None:
        """The offsets `[first, end)` that cannot be read because of it."""
        return (self.first, self.upto) if self.upto > self.first else None

    def finding(self, segment: str) -> Finding:
        """What to tell of it."""
        condition = "order" if self.whole else "record"
        return Finding(condition, segment, self.position, self.first, self.what, self.lost)


class End(msgspec.Struct, frozen=True):
    """The last record that can be read ends at `place`; `ending` says what stands there."""

    place: Place
    ending: Ending

    def too_early(self, segment: str, following: int) -> Finding | None:
        """What to tell where the next segment begins at offset `following`, and not here."""
        position, offset, _ = self.place
        if offset == following:
            return None
        lost = (offset, following) if offset < following else None
        if isinstance(self.ending, Clean):
            return Finding("short", segment, position, offset, "the segment ends too early", lost)
        what = "record damaged, and none behind it"
        return Finding("record", segment, position, offset, what, lost)


Step: TypeAlias = Record | Damage | End


def walk(
    file: SegmentFile,
    header: SegmentHeader,
    *,
    newest: bool,
    skimmed: Tally | None = None,
    begin: Place | None = None,
    until: int | None = None,
) -> Iterator[Step]:
    """Each record of the segment in order, each damage between, and last the End.

    With `skimmed`, plain records are counted there and not yielded. The walk begins at `begin`, a place of
    this segment where a record ends, and may end without an End once it has come to offset `until`.
    Memory is bounded by the largest record, or by a segment where the newest is damaged. Raises OSError as
    the disk says.
    """
    salt = header.salt
    place = begin or Place(SEGMENT_HEADER_SIZE, header.first_offset, header.chain)
    want, looks = CHUNK, 0
    while until is None or place.next_offset < until:
        at = place.position
        data = file.read(at, want)
        while True:
            if skimmed is not None:
                place = skim(data, at, place, salt, skimmed)
            record = read_record(data, place.position - at, salt)
            if record is None:
                break
            if not follows(record, place):
                yield _out_of_order(record, place)
            record = replace(record, position=place.position)
            yield record
            place = place.after(record)
        if place.position > at:
            looks = 0
            continue
        found = read_header(data, 0, salt)
        if found is not None and len(data) < found.size <= file.size - at:
            behind = None if skimmed is None else skim_large(file.read, data, place, found, skimmed)
            if behind is not None:
                place, looks = behind, 0
                continue
            want = max(CHUNK, 2 * found.size)
            continue
        ending = ending_at(file, place, salt, newest=newest)
        if isinstance(ending, Clean):
            yield End(place, ending)
            return
        looks += 1
        if newest and looks < _LOOKS:
            time.sleep(_LOOK_EVERY)
            continue
        after = None if isinstance(ending, Torn) else next_record(file, place.position, salt)
        if after is None:
            yield End(place, ending)
            return
        reason = "record header damaged" if found is None else "record damaged"
        yield Damage(
            place.position, after.position, place.next_offset, after.base, reason, False, place.chain
        )
        place, looks = Place(after.position, after.base, after.chain), 0


def _out_of_order(record: Record, place: Place) -> Damage:
    if record.base == place.next_offset:
        what = "a record of these offsets that does not follow the one before it"
    elif record.base > place.next_offset:
        what = "records are missing before this one"
    else:
        what = f"a record of offset {record.base} stands here once more"
    return Damage(place.position, place.position, place.next_offset, record.base, what, True, place.chain)


def ending_at(file: SegmentFile, place: Place, salt: int, *, newest: bool) -> Ending:
    """What stands at `place`, where no record can be read; only the newest segment can be torn."""
    end = written_end(file, place.position)
    if end <= place.position:
        return Clean(place.position)
    if not newest:
        return Rotten(place.position, f"bytes up to {end} are no record")
    # Positions that are shifted by whole sectors mean the same to `classify`.
    shift = place.position // SECTOR * SECTOR
    data = file.read(shift, end - shift + RECORD_HEADER_SIZE)
    header = read_header(data, place.position - shift, salt)
    if header is not None and place.position + header.size > end:
        data = file.read(shift, place.position - shift + header.size)
    found = classify(data, place._replace(position=place.position - shift), salt)
    match found:
        case Clean():
            return Clean(place.position)
        case Torn():
            return Torn(place.position, end, found.reason)
        case Rotten():
            # A witness is named by its shifted byte: leave it out.
            witness = found.reason.startswith("damaged, though")
            return Rotten(place.position, "record damaged" if witness else found.reason)


def written_end(file: SegmentFile, position: int) -> int:
    """The end of the last bytes from `position` on that are not zeroes, or `position`."""
    end = position
    while data := file.read(position, CHUNK):
        if data != _ZEROES:
            stripped = len(data.rstrip(b"\0"))
            end = position + stripped if stripped else end
        position += len(data)
    return end


def next_record(file: SegmentFile, position: int, salt: int) -> Record | None:
    """The first whole record behind `position`, or None where there is none.

    It may stand where no record is written, not at a multiple of 8: bytes may have been lost before it.
    """
    at = position + 1
    while len(data := file.read(at, CHUNK)) >= len(RECORD_MAGIC):
        found = -1
        while (found := data.find(RECORD_MAGIC, found + 1)) >= 0:
            record = _record_at(file, at + found, salt)
            if record is not None:
                return record
        # A magic may stand across the border of two chunks.
        at += len(data) - len(RECORD_MAGIC) + 1
    return None


def _record_at(file: SegmentFile, position: int, salt: int) -> Record | None:
    header = read_header(file.read(position, RECORD_HEADER_SIZE), 0, salt)
    if header is None:
        return None
    record = read_record(file.read(position, header.size), 0, salt)
    return None if record is None else replace(record, position=position)
