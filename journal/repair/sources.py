"""What each file says it is, also where its header is damaged: then the records behind it tell."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from typing import Final
from uuid import UUID

import msgspec

from journal.framing import (
    RECORD,
    RECORD_HEADER_SIZE,
    RECORD_MAGIC,
    SEGMENT,
    SEGMENT_HEADER_SIZE,
    UNCHECKED_SIZE,
    SegmentHeader,
    decode_segment_header,
    record_size,
)
from journal.inspect.folder import SegmentFile
from journal.metric import Nanoseconds, Offset
from journal.repair.crc import began_from
from journal.segment import first_offset_of

_PAGE: Final = 4096
_CHUNK: Final = 1024 * 1024
_ENOUGH: Final = 16
"""Records that agree on a salt, more than on any other, before no more of them are asked."""

_CHECKED: Final = SEGMENT_HEADER_SIZE - 4


class PatientFile(SegmentFile):
    """A segment open for reading; pages that the disk does not give are read as zeroes, and counted."""

    def __init__(self, directory: str, name: str, reading: Callable[[int], None] | None = None) -> None:
        super().__init__(directory, name, reading)
        self.unreadable: set[int] = set()
        """Positions of pages that the disk did not give."""

    def read(self, position: int, size: int) -> bytes:
        """See SegmentFile. Raises no OSError for a page that cannot be read."""
        try:
            return super().read(position, size)
        except OSError:
            return self._by_pages(position, min(size, max(0, self.size - position)))

    def _by_pages(self, position: int, size: int) -> bytes:
        data, end = bytearray(), position + size
        while position < end:
            stop = min(end, (position // _PAGE + 1) * _PAGE)
            try:
                data += super().read(position, stop - position)
            except OSError:
                self.unreadable.add(position // _PAGE * _PAGE)
                data += bytes(stop - position)
            position = stop
        return bytes(data)


class Source(msgspec.Struct, frozen=True):
    """A file with a segment in it; `path` is relative to the journal's directory.

    `salt` is None where no record can be read; `previous`, `chain` and `journal_id` where nothing tells.
    `header_is` is what is wrong with the header, empty where it is sound.
    """

    path: str
    size: int
    first: int
    salt: int | None
    journal_id: UUID | None
    previous: int | None
    chain: int | None
    created_at: Nanoseconds
    header_is: str = ""

    def header(self) -> SegmentHeader:
        """As good a header as can be had: enough to walk through the records."""
        return SegmentHeader(
            self.journal_id or UUID(int=0),
            Offset(self.first),
            self.salt or 0,
            self.created_at,
            Offset(self.first if self.previous is None else self.previous),
            self.chain or 0,
        )


def source_of(directory: str, path: str) -> Source:
    """What the file at `path` is. Raises LaterFormatError, OSError where it cannot be opened."""
    with PatientFile(directory, path) as file:
        size = file.size
        raw = file.read(0, SEGMENT_HEADER_SIZE)
        header = decode_segment_header(raw, path)
        if isinstance(header, SegmentHeader):
            return _sound(path, size, header)
        mended = _one_byte_mended(raw, path)
        if mended is not None:
            return msgspec.structs.replace(_sound(path, size, mended), header_is=_said(header))
        return _from_records(file, path, raw, "empty file" if size == 0 else _said(header))


def _sound(path: str, size: int, header: SegmentHeader) -> Source:
    return Source(
        path,
        size,
        header.first_offset,
        header.salt,
        header.journal_id,
        header.previous_first,
        header.chain,
        header.created_at,
    )


def _said(header: SegmentHeader | str) -> str:
    return header if isinstance(header, str) else ""


def _one_byte_mended(raw: bytes, path: str) -> SegmentHeader | None:
    """The header with the one byte changed that makes its checksum right, if there is exactly one such."""
    if len(raw) < SEGMENT_HEADER_SIZE or not raw.strip(b"\0"):
        return None
    found: list[SegmentHeader] = []
    for at in range(SEGMENT_HEADER_SIZE):
        for byte in range(256):
            tried = bytearray(raw)
            tried[at] = byte
            if zlib.crc32(tried[:_CHECKED]) == int.from_bytes(tried[_CHECKED:], "little"):
                header = decode_segment_header(bytes(tried), path)
                if isinstance(header, SegmentHeader):
                    found.append(header)
    return found[0] if len(found) == 1 else None


class _Told(msgspec.Struct, frozen=True):
    position: int
    base: int
    time: Nanoseconds
    chain: int


def _from_records(file: PatientFile, path: str, raw: bytes, header_is: str) -> Source:
    named = first_offset_of(os.path.basename(path)) or 0
    votes: Counter[int] = Counter()
    first: dict[int, _Told] = {}
    for salt, told in _records_without_salt(file):
        first.setdefault(salt, told)
        # The place of a segment's first record is no client's to write to.
        votes[salt] += _ENOUGH if told.position == SEGMENT_HEADER_SIZE else 1
        (_, most), *others = votes.most_common(2)
        if most - (others[0][1] if others else 0) >= _ENOUGH:
            break
    if not votes:
        return Source(path, file.size, named, None, None, None, None, 0, header_is)
    salt = votes.most_common(1)[0][0]
    told = first[salt]
    at_head = told.position == SEGMENT_HEADER_SIZE
    begin = told.base if at_head else named
    proven = _proven(raw, salt, begin, told) if at_head else None
    if proven is not None:
        return msgspec.structs.replace(_sound(path, file.size, proven), header_is=header_is)
    chain = told.chain if at_head else None
    return Source(path, file.size, begin, salt, None, None, chain, told.time, header_is)


def _proven(raw: bytes, salt: int, first: int, told: _Told) -> SegmentHeader | None:
    """The header of what the first record says and, for the rest, of the damaged one's bytes, if its
    checksum says that this is what stood there."""
    if len(raw) < SEGMENT_HEADER_SIZE:
        return None
    _, _, _, raw_id, _, created, previous, chain, check = SEGMENT.unpack(raw)
    for created_at, before, after in product((created, told.time), (previous, first), (chain, told.chain)):
        tried = SegmentHeader(UUID(bytes=raw_id), Offset(first), salt, created_at, Offset(before), after)
        if tried.encode()[_CHECKED:] == check.to_bytes(4, "little"):
            return tried
    return None


def _records_without_salt(file: PatientFile) -> Iterator[tuple[int, _Told]]:
    """Yields (salt, what it says) of each record whose payload is sound: its check then tells the salt.

    What lies within such a record is not looked at: a client may have put there what it likes.
    """
    at, size = SEGMENT_HEADER_SIZE, file.size
    while len(data := file.read(at, _CHUNK)) >= RECORD_HEADER_SIZE:
        found, behind = -1, at
        while (found := data.find(RECORD_MAGIC, found + 1)) >= 0:
            if at + found < behind:
                continue
            head = data[found : found + RECORD_HEADER_SIZE]
            if len(head) < RECORD_HEADER_SIZE:
                head = file.read(at + found, RECORD_HEADER_SIZE)
            if len(head) < RECORD_HEADER_SIZE:
                break
            _, length, base, _, _, time, _, chain, data_check, check = RECORD.unpack(head)
            end = at + found + record_size(length)
            if end > size:
                continue
            if (
                zlib.crc32(file.read(at + found + RECORD_HEADER_SIZE, end - at - found - RECORD_HEADER_SIZE))
                == data_check
            ):
                yield began_from(check, head[:UNCHECKED_SIZE]), _Told(at + found, base, time, chain)
                behind = end
        at = max(behind, at + len(data) - len(RECORD_MAGIC) + 1)


def quarantined(directory: str, quarantine: str) -> list[str]:
    """Paths, relative to `directory`, of the segments that earlier repairs put aside, newest first."""
    found: list[str] = []
    with suppress(FileNotFoundError, NotADirectoryError):
        for when in sorted(os.listdir(os.path.join(directory, quarantine)), reverse=True):
            with suppress(NotADirectoryError):
                names = sorted(os.listdir(os.path.join(directory, quarantine, when)))
                found += [
                    os.path.join(quarantine, when, name)
                    for name in names
                    if first_offset_of(name) is not None
                ]
    return found
