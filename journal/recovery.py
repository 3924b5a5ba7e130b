"""Bring a journal's directory from whatever a crash left behind to a place where appending may go on.

Only the newest segment is read; of the older ones, the headers. So the time this takes depends on the
size of a segment, not on the age of the journal.
"""

from __future__ import annotations

import os
import secrets
from typing import Final
from uuid import UUID, uuid4

import msgspec

from journal.disk import File, FileSystem
from journal.events import Snapshot, encode
from journal.framing import (
    RECORD_HEADER_SIZE,
    SEGMENT_HEADER_SIZE,
    Place,
    Record,
    Rotten,
    Sealing,
    SegmentHeader,
    Torn,
    classify,
    decode_segment_header,
    records,
    seal,
)
from journal.metric import Nanoseconds, Offset
from journal.replay import evolve, fold
from journal.segment import (
    SPARE,
    JournalCorruptError,
    SegmentInfo,
    check_links,
    evidence_name,
    first_offset_of,
    segment_name,
)
from journal.state import State
from journal.writer import write_zeroes

WIPED: Final = 16 * 1024 * 1024
"""Bytes behind the end that are written with zeroes again after a crash: more than a commit gathers."""


class Recovered(msgspec.Struct, frozen=True):
    """Where appending goes on, and what the journal's control state is there."""

    header: SegmentHeader
    place: Place
    state: State
    segments: tuple[SegmentInfo, ...]
    torn: Torn | None
    evidence: str | None
    """The file that holds the bytes of the torn tail."""


class NewSegment(msgspec.Struct, frozen=True):
    """A segment not yet on the disk: its first bytes (header and snapshot), the place and state behind."""

    header: SegmentHeader
    head: bytes
    place: Place
    state: State


def new_segment(
    journal_id: UUID, place: Place, previous_first: Offset, state: State, now: Nanoseconds
) -> NewSegment:
    """The segment that begins at `place`, where the journal's state is `state`.

    The salt comes from the system's randomness: no client can know it (see journal/framing.py).
    """
    salt = secrets.randbits(32)
    header = SegmentHeader(journal_id, Offset(place.next_offset), salt, now, previous_first, place.chain)
    buffer = bytearray(RECORD_HEADER_SIZE) + encode([snapshot := Snapshot(state)])
    check = seal(buffer, Sealing(place.next_offset, 1, now, False, 0, place.chain), salt)
    head = header.encode() + buffer
    return NewSegment(
        header,
        bytes(head),
        Place(len(head), place.next_offset + 1, check),
        evolve(state, snapshot, now, Offset(place.next_offset)),
    )


def recover(fs: FileSystem, directory: str, now: Nanoseconds, segment_bytes: int) -> Recovered:
    """Open the journal in `directory`, making a new one where there is none.

    `segment_bytes` is the size of a new journal's first segment. A torn tail is put aside and cut.
    Raises JournalCorruptError, having changed nothing, where what had been synced is damaged;
    UnknownEventError, LaterFormatError where a newer version wrote; OSError as the disk says.
    """
    fs.make_directory(directory)
    names = [name for name in fs.names(directory) if first_offset_of(name) is not None]
    for leftover in sorted(set(fs.names(directory)) & {SPARE, SPARE + ".part"}):
        # It may hold the head of a segment that never got its name: not zeroes, so of no use.
        fs.remove(os.path.join(directory, leftover))
    if not names:
        return _create(fs, directory, now, segment_bytes)
    name = names[-1]
    header = _read_header(fs, directory, name)
    file = fs.open(os.path.join(directory, name), write=False)
    try:
        scanned = _scan(name, header, file)
        place, state, torn = scanned.place, scanned.state, scanned.torn
        # By name: the file of a retired one may be on its way to be a spare, all zeroes already.
        retired = [each for each in names if each < segment_name(state.retired_before)]
        kept = [(each, _read_header(fs, directory, each)) for each in names[len(retired) :]]
        check_links(kept)
        _check_beginning(*kept[0], state.retired_before)
        evidence = None if torn is None else _put_aside(fs, directory, name, file, torn, now)
        tail = file.read_at(scanned.synced, place.position - scanned.synced)
        room = file.size() - place.position
    finally:
        file.close()
    # Whole records behind the last sync may be in the page cache only, and even marked clean there, by a
    # sync that failed in the process before. They count from now on: so they are written again.
    # Likewise the zeroes behind them, where the process before could not wipe a record it had refused.
    remains = 0 if torn is None else torn.end - torn.position
    rest = bytes(min(room, max(remains, 0 if state.clean else WIPED)))
    _write_last(fs, os.path.join(directory, name), scanned.synced, tail + rest)
    for each in retired:
        # Its retirement is in the journal; the power went before the disk had forgotten it.
        fs.remove(os.path.join(directory, each))
    # A process killed in the middle of a roll leaves a name that may not be on the disk.
    fs.sync_directory(directory)
    segments = tuple(
        SegmentInfo(head.first_offset, _size(fs, directory, each), head.created_at) for each, head in kept
    )
    return Recovered(header, place, state, segments, torn, evidence)


def _create(fs: FileSystem, directory: str, now: Nanoseconds, segment_bytes: int) -> Recovered:
    begun = new_segment(uuid4(), Place(0, 0, 0), Offset(0), State(), now)
    path = os.path.join(directory, SPARE)
    file = fs.open(path, create=True)
    try:
        write_zeroes(file, segment_bytes)
        file.write_at(0, begun.head)
        file.sync()
    finally:
        file.close()
    fs.rename(path, os.path.join(directory, segment_name(0)))
    # The directory itself, and the one that holds it, may be as new as the segment.
    parent = os.path.dirname(directory)
    for each in (directory, parent, os.path.dirname(parent)):
        fs.sync_directory(each or ".")
    info = SegmentInfo(Offset(0), max(segment_bytes, len(begun.head)), now)
    return Recovered(begun.header, begun.place, begun.state, (info,), None, None)


def _check_beginning(name: str, header: SegmentHeader, retired_before: Offset) -> None:
    """Raise JournalCorruptError where segments are missing at the front: their retirement would be in the
    journal, since it is written down before they go."""
    if header.first_offset > retired_before:
        what = f"the journal begins at offset {retired_before}, and nothing before this segment is there"
        raise JournalCorruptError(name, 0, header.first_offset, what)


def _read_header(fs: FileSystem, directory: str, name: str) -> SegmentHeader:
    file = fs.open(os.path.join(directory, name), write=False)
    try:
        header = decode_segment_header(file.read_at(0, SEGMENT_HEADER_SIZE), name)
    finally:
        file.close()
    if isinstance(header, str):
        raise JournalCorruptError(name, 0, None, header)
    return header


class _Scanned(msgspec.Struct, frozen=True):
    """What stands in the newest segment; all before byte `synced` of it is on the disk for certain."""

    place: Place
    state: State
    synced: int
    torn: Torn | None


def _scan(name: str, header: SegmentHeader, file: File) -> _Scanned:
    data = file.read_at(0, file.size())
    place = Place(SEGMENT_HEADER_SIZE, header.first_offset, header.chain)
    state, synced = State(), SEGMENT_HEADER_SIZE
    last_plain: Record | None = None
    for record in records(data, place, header.salt):
        if place.position == SEGMENT_HEADER_SIZE and record.plain:
            raise JournalCorruptError(name, place.position, record.base, "begins without a snapshot")
        state = fold(state, (record,))
        # A repair moves records: what it says of bytes before it may reach further than there are any.
        synced = max(SEGMENT_HEADER_SIZE, record.position - record.unsynced)
        place = place.after(record)
        last_plain = record if record.plain else last_plain
    if last_plain is not None:
        # The fold never looks into these: a later version's would be accepted beside, and stored by nobody.
        last_plain.events()
    ending = classify(data, place, header.salt)
    if isinstance(ending, Rotten):
        raise JournalCorruptError(name, ending.position, place.next_offset, ending.reason)
    if place.position == SEGMENT_HEADER_SIZE:
        # Header and snapshot are synced before the segment gets its name.
        raise JournalCorruptError(name, place.position, place.next_offset, "begins without a snapshot")
    return _Scanned(place, state, synced, ending if isinstance(ending, Torn) else None)


def _put_aside(fs: FileSystem, directory: str, name: str, file: File, torn: Torn, now: Nanoseconds) -> str:
    """Keep the bytes of the torn tail in a file beside; returns its name."""
    remains = file.read_at(torn.position, torn.end - torn.position)
    evidence = evidence_name(name, torn.position, now)
    aside = fs.open(os.path.join(directory, evidence), create=True)
    try:
        aside.write_at(0, remains)
        aside.sync()
    finally:
        aside.close()
    fs.sync_directory(directory)
    return evidence


def _write_last(fs: FileSystem, path: str, position: int, data: bytes) -> None:
    """Write `data` and sync it; once more, on a new descriptor, where the first sync fails."""
    for last in (False, True):
        file = fs.open(path)
        try:
            file.write_at(position, data)
            file.sync()
        except OSError:
            if last:
                raise
        else:
            return
        finally:
            file.close()


def _size(fs: FileSystem, directory: str, name: str) -> int:
    file = fs.open(os.path.join(directory, name), write=False)
    try:
        return file.size()
    finally:
        file.close()
