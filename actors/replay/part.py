"""Which part of a journal is to be sent: its offsets, and which metrics of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

import msgspec

from journal.framing import SEGMENT_HEADER_SIZE, SegmentHeader, decode_segment_header
from journal.inspect import Bound, Finding, Selection, verify_newest
from journal.metric import Nanoseconds, Offset
from journal.reader import reading, segment_offsets
from journal.segment import NoJournalError, containing, segment_name

_WINDOW = 4 * 1024 * 1024
"""Bytes read at a time to find the journal's end."""


class Part(msgspec.Struct, frozen=True):
    """The metrics of the journal in `directory` that `selection` asks for and whose offsets are in
    `[begin, end)`. It begins at `first_offset`; what came before is retired. At `end` there may be `damage`,
    behind which there is more of the part."""

    directory: str
    first_offset: Offset
    begin: Offset
    end: Offset
    selection: Selection
    segments: int
    damage: Finding | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is all that the journal has, so that a store which holds it lacks nothing."""
        since, until = self.selection.since, self.selection.until
        return (
            self.begin <= self.first_offset
            and (since.time, until.time) == (None, None)
            and not (self.selection.kinds or self.selection.names or self.selection.sources)
        )

    def from_offset(self, offset: Offset) -> Part:
        """What is left of it from `offset` on."""
        return msgspec.structs.replace(self, begin=min(max(self.begin, offset), self.end))


async def part_of(directory: str, selection: Selection) -> Part:
    """The part of the journal in `directory` that `selection` asks for, as far as the journal goes now and
    is on the disk: a power cut must not make it use offsets again that the store has seen.

    Raises NoJournalError, JournalCorruptError, OSError.
    """
    first = segment_offsets(directory)[0]
    async with reading(directory, segment_offsets(directory)[-1]) as reader:
        while await reader.read(_WINDOW):
            pass
        end = reader.next_offset
    offsets = [offset for offset in segment_offsets(directory) if offset < end]
    if not offsets:
        raise NoJournalError(directory)
    begin = _begin(directory, offsets, selection.since)
    damage = _damage(directory, begin)
    known = end if damage is None else Offset(max(end, 1 + max(begin, damage.offset or 0)))
    end = _end(directory, offsets, selection.until, known)
    if damage is not None and (damage.offset or 0) < end:
        end = Offset(max(begin, damage.offset or 0))
    else:
        damage = None
    held = [offset for offset in offsets[containing(offsets, begin) :] if offset < end] if begin < end else []
    for offset in held:
        _sync(os.path.join(directory, segment_name(offset)))
    return Part(directory, first, begin, Offset(max(begin, end)), selection, len(held), damage)


def _begin(directory: str, offsets: Sequence[Offset], since: Bound) -> Offset:
    if since.offset is not None:
        return Offset(max(offsets[0], since.offset))
    begin = offsets[0]
    if since.time is not None:
        for offset in offsets[1:]:
            created = _created(directory, offset)
            # By the clock of whoever wrote it, which may have been set back: the first later one ends it.
            if created is not None and created >= since.time:
                break
            begin = offset
    return begin


def _damage(directory: str, begin: Offset) -> Finding | None:
    """The first damage from `begin` on that a start would refuse. What is in older segments shows when they
    are read; at the journal's end, damage would pass for the end."""

    def behind(finding: Finding) -> bool:
        end = finding.lost[1] if finding.lost is not None else None
        return finding.gravity == "corrupt" and (end is None or end > begin)

    found = [finding for finding in verify_newest(directory) if behind(finding)]
    return min(found, key=lambda finding: finding.offset or 0, default=None)


def _end(directory: str, offsets: Sequence[Offset], until: Bound, end: Offset) -> Offset:
    if until.offset is not None:
        return Offset(min(end, until.offset))
    if until.time is not None:
        for offset in offsets:
            created = _created(directory, offset)
            if created is not None and created >= until.time:
                return offset
    return end


def _created(directory: str, segment: Offset) -> Nanoseconds | None:
    """When the segment was begun; None where its header cannot be read or retention took it."""
    try:
        with open(os.path.join(directory, segment_name(segment)), "rb") as file:
            header = decode_segment_header(file.read(SEGMENT_HEADER_SIZE))
    except FileNotFoundError:
        return None
    return header.created_at if isinstance(header, SegmentHeader) else None


def _sync(path: str) -> None:
    """Have on the disk what stands in the file at `path`: who wrote it may not have seen to that."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fdatasync(fd)
    except OSError as error:
        # A read-only file system has nothing to sync.
        if error.errno not in (errno.EROFS, errno.EINVAL):
            raise
    finally:
        os.close(fd)
