"""Read records from an offset on, while another thread or process writes."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

import aiofiles

from journal.framing import (
    RECORD_HEADER_SIZE,
    SEGMENT_HEADER_SIZE,
    Place,
    Record,
    decode_segment_header,
    follows,
    read_header,
    read_record,
)
from journal.log import Frontier, Journal
from journal.metric import Offset
from journal.segment import JournalCorruptError, NoJournalError, containing, first_offset_of, segment_name

CHUNK: Final = 256 * 1024
"""Bytes read at a time; a larger record is read whole. Small, so that decoding never holds up the loop."""


class OffsetRetiredError(Exception):
    """What was asked for has been deleted by retention; the journal begins at `first_offset` now."""

    def __init__(self, directory: str, offset: int, first_offset: Offset) -> None:
        self.offset = offset
        self.first_offset = first_offset
        super().__init__(
            f"{directory}: offset {offset} has been retired; the journal begins at {first_offset}: "
            f"read from there"
        )


def segment_offsets(directory: str) -> list[Offset]:
    """The first offsets of the segments in `directory`, ascending. Raises NoJournalError."""
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        raise NoJournalError(directory) from None
    offsets = sorted(offset for name in names if (offset := first_offset_of(name)) is not None)
    if not offsets:
        raise NoJournalError(directory)
    return offsets


def journal_id_of(directory: str) -> str:
    """The id of the journal in `directory`, as its newest segment says.

    Raises NoJournalError, JournalCorruptError.
    """
    name = segment_name(segment_offsets(directory)[-1])
    with open(os.path.join(directory, name), "rb") as file:
        header = decode_segment_header(file.read(SEGMENT_HEADER_SIZE), name)
    if isinstance(header, str):
        raise JournalCorruptError(name, 0, None, header)
    return str(header.journal_id)


class JournalReader:
    """Yields records in order from the one that holds `start`. Never writes, takes no lock.

    With `frontier` it reads what this process has committed; without, whatever stands in the files, for
    a journal of another process or of none.
    """

    def __init__(
        self, directory: str, start: Offset, *, frontier: Callable[[], Frontier] | None = None
    ) -> None:
        self._directory = directory
        self._frontier = frontier
        self._wanted = start
        self._segment: Offset | None = None
        self._salt = 0
        self._place = Place(SEGMENT_HEADER_SIZE, 0, 0)
        self._file: Any = None
        self._buffer = b""
        self._buffer_at = 0

    @property
    def next_offset(self) -> Offset:
        """The offset of the next record that `read` will yield from, or that was asked for."""
        return Offset(max(self._wanted, self._place.next_offset))

    async def close(self) -> None:
        """Give the descriptor back."""
        if self._file is not None:
            await self._file.close()
            self._file = None

    async def read(self, max_bytes: int = CHUNK) -> list[Record]:
        """The next records, about `max_bytes` of them and at least one; none when there is no more yet.

        The first may begin before the offset asked for. Raises JournalCorruptError where what had been
        synced is damaged, OffsetRetiredError where retention was faster.
        """
        found: list[Record] = []
        size = 0
        while size < max_bytes:
            try:
                record = await self._next()
            except JournalCorruptError:
                # The next call meets it again, with nothing before it.
                if not found:
                    raise
                break
            if record is None:
                break
            if record.next_offset > self._wanted:
                found.append(record)
                size += record.size
        return found

    async def _next(self) -> Record | None:
        if self._file is None:
            await self._open(self._find())
        while True:
            record = await self._parse()
            if record is not None:
                return record
            if not await self._go_on():
                return None

    def _find(self) -> Offset:
        offsets = segment_offsets(self._directory)
        if self._wanted < offsets[0]:
            raise OffsetRetiredError(self._directory, self._wanted, offsets[0])
        return offsets[containing(offsets, self._wanted)]

    async def _open(self, segment: Offset) -> None:
        name = segment_name(segment)
        try:
            file = await aiofiles.open(os.path.join(self._directory, name), "rb", buffering=0)
        except FileNotFoundError:
            raise OffsetRetiredError(
                self._directory, self.next_offset, segment_offsets(self._directory)[0]
            ) from None
        try:
            header = decode_segment_header(await file.read(SEGMENT_HEADER_SIZE), name)
            if isinstance(header, str):
                raise JournalCorruptError(name, 0, segment, header)
        except BaseException:
            await file.close()
            raise
        await self.close()
        self._file, self._segment, self._salt = file, segment, header.salt
        self._place = Place(SEGMENT_HEADER_SIZE, header.first_offset, header.chain)
        self._buffer, self._buffer_at = b"", SEGMENT_HEADER_SIZE

    async def _parse(self) -> Record | None:
        """The record at the current place, once it is whole and within what may be read."""
        limit = self._limit()
        if limit is not None and self._place.position >= limit:
            return None
        salt = self._salt
        record = read_record(self._buffer, self._place.position - self._buffer_at, salt)
        if record is None:
            await self._fill()
            record = read_record(self._buffer, 0, salt)
        if record is None or not follows(record, self._place):
            return None
        self._place = Place(self._place.position + record.size, record.next_offset, record.check)
        return record

    async def _fill(self) -> None:
        """Have the buffer begin at the current place, and hold at least the record there."""
        await self._file.seek(self._place.position)
        self._buffer_at = self._place.position
        self._buffer = await self._file.read(CHUNK)
        header = read_header(self._buffer, 0, self._salt)
        if header is not None and header.size > len(self._buffer):
            while len(self._buffer) < header.size:
                more = await self._file.read(header.size - len(self._buffer))
                if not more:
                    return
                self._buffer += more

    def _limit(self) -> int | None:
        if self._frontier is None:
            return None
        frontier = self._frontier()
        return frontier.byte if frontier.segment == self._segment else None

    async def _go_on(self) -> bool:
        """At a place without a readable record: step into the next segment, or say that there is none.

        Raises where this is no end: something follows, and it is not what should stand here.
        """
        assert self._segment is not None
        limit = self._limit()
        if limit is not None and self._place.position >= limit:
            return False
        offsets = segment_offsets(self._directory)
        later = [offset for offset in offsets if offset > self._segment]
        if later and later[0] == self._place.next_offset:
            await self._open(later[0])
            return True
        if limit is None and not later:
            return False
        # The writer may have gone on here, and then rolled, between our look at the file and at the names.
        await self._fill()
        record = read_record(self._buffer, 0, self._salt)
        if record is not None and follows(record, self._place):
            return True
        if self._segment not in offsets:
            raise OffsetRetiredError(self._directory, self.next_offset, offsets[0])
        written = self._buffer[:RECORD_HEADER_SIZE].strip(b"\0")
        raise JournalCorruptError(
            segment_name(self._segment),
            self._place.position,
            self._place.next_offset,
            "record damaged" if written else "ends too early",
        )


@asynccontextmanager
async def reading(
    directory: str, start: Offset, *, frontier: Callable[[], Frontier] | None = None
) -> AsyncGenerator[JournalReader]:
    """A JournalReader that is closed at the end of the block."""
    reader = JournalReader(directory, start, frontier=frontier)
    try:
        yield reader
    finally:
        await reader.close()


def reading_own(journal: Journal, start: Offset) -> AbstractAsyncContextManager[JournalReader]:
    """As `reading`, what this process has committed to `journal`, which it has open."""
    return reading(journal.directory, start, frontier=lambda: journal.frontier)
