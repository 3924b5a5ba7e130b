"""Names of segments, how they belong together, and when one ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from journal.framing import SegmentHeader
from journal.metric import Nanoseconds, Offset

SUFFIX: Final = ".segment"
SPARE: Final = "spare.new"
"""A file of zeroes, made ahead, that becomes the next segment by being renamed."""

DEFAULT_BYTES: Final = 64 * 1024 * 1024
MIN_BYTES: Final = 64 * 1024
MAX_BYTES: Final = 2 * 1024 * 1024 * 1024

CONTROL_RESERVE: Final = 256 * 1024
"""Bytes at a segment's end that only control events may use while the disk has no room for another."""

SNAPSHOT_SHARE: Final = 4
"""A segment may have so many times the bytes that its snapshot takes, however few it usually has."""

_NAME = re.compile(r"^(\d{20})\.segment$")


class JournalCorruptError(Exception):
    """The journal is damaged where it had been synced; what was acknowledged may be unreadable."""

    def __init__(self, segment: str, byte: int, offset: int | None, what: str) -> None:
        self.segment = segment
        self.byte = byte
        self.offset = offset
        self.what = what
        where = f"byte {byte}" if offset is None else f"byte {byte}, offset {offset}"
        super().__init__(
            f"{segment}: {where}: {what}; nothing was changed: look with `forebay journal verify`, "
            f"then `forebay journal repair`"
        )


class NoJournalError(Exception):
    """The directory holds no segment."""

    def __init__(self, directory: str) -> None:
        super().__init__(
            f"{directory}: no journal here; name the directory that `forebay run --data` was given"
        )


def segment_name(first_offset: int) -> str:
    """The file name of the segment that begins at `first_offset`; names sort as offsets do."""
    return f"{first_offset:020d}{SUFFIX}"


def first_offset_of(name: str) -> Offset | None:
    """The first offset that a segment's file name says, or None if it names no segment."""
    match = _NAME.match(name)
    return Offset(int(match.group(1))) if match else None


def evidence_name(segment: str, byte: int, at: int) -> str:
    """Where the bytes of a torn tail are put aside: which segment, from which byte, when (ns)."""
    return f"{segment.removesuffix(SUFFIX)}.torn-{byte}-{at}"


class SegmentInfo(msgspec.Struct, frozen=True):
    """A segment on the disk; `size` is bytes, preallocated ones included."""

    first_offset: Offset
    size: int
    created_at: Nanoseconds

    @property
    def name(self) -> str:
        """Its file name."""
        return segment_name(self.first_offset)


def check_links(headers: Sequence[tuple[str, SegmentHeader]]) -> None:
    """Raise JournalCorruptError unless the segments, in order of name, are one journal without a hole.

    Older segments may be missing at the front: retention deletes there, and only there.
    """
    for index, (name, header) in enumerate(headers):
        if segment_name(header.first_offset) != name:
            raise JournalCorruptError(name, 0, None, f"its header says first offset {header.first_offset}")
        if header.journal_id != headers[0][1].journal_id:
            raise JournalCorruptError(name, 0, None, f"belongs to another journal, {header.journal_id}")
        if index and header.previous_first != headers[index - 1][1].first_offset:
            missing = segment_name(header.previous_first)
            raise JournalCorruptError(name, 0, None, f"follows {missing}, which is missing")


def containing(first_offsets: Sequence[int], offset: int) -> int:
    """The index of the last segment that begins at or before `offset`; 0 where none does."""
    low, high = 0, len(first_offsets)
    while low < high:
        middle = (low + high) // 2
        if first_offsets[middle] <= offset:
            low = middle + 1
        else:
            high = middle
    return max(low - 1, 0)


def first_within(segments: Sequence[SegmentInfo], since: Nanoseconds) -> Offset:
    """An offset before everything that was written at `since` or later, as late as segments can tell."""
    for segment, following in pairwise(segments):
        if following.created_at >= since:
            return segment.first_offset
    return segments[-1].first_offset


def must_roll(position: int, size: int, segment_bytes: int, *, fresh: bool) -> bool:
    """Whether a record of `size` bytes has to begin a new segment, `position` being the end of this one.

    A `fresh` segment, with nothing but its snapshot, takes one record however large: a further one would
    have no more room.
    """
    return position + size > segment_bytes and not fresh


def bytes_behind(head: int, segment_bytes: int) -> int:
    """How far a segment may grow whose header and snapshot are `head` bytes: with a snapshot as large as the
    segment, every event would begin another one."""
    return max(segment_bytes, SNAPSHOT_SHARE * head)


def room_for_another(segment_bytes: int) -> int:
    """Bytes that must be free for another segment to be made.

    Half a segment stays free beside it: a store on the same disk needs room to take what is in the
    journal, or nothing could ever be retired again.
    """
    return segment_bytes + segment_bytes // 2


def fits_reserve(position: int, size: int, segment_bytes: int, *, control: bool) -> bool:
    """Whether a record fits into the last segment that there is room for, the disk being full."""
    reserve = 0 if control else min(CONTROL_RESERVE, segment_bytes // 4)
    return position + size <= segment_bytes - reserve
