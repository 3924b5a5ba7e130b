"""Follows a journal that another process writes to, while it rolls, retires segments, dies and starts again.

**In the file is not yet acknowledged.** A record can be read when it is whole in the file; the process says
yes to its clients only when it is synced as well, a moment later. Between the two the disk may refuse the
sync (the record is wiped, its clients are told no), or the power may go (a start goes on before it). Then the
journal goes back: other metrics get the offsets of those that were shown. So whoever follows compares what
stands in the file with what was shown, and says so (`WentBack`). What was acknowledged never goes back.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import islice
from typing import Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec.structs import replace

from journal.framing import (
    RECORD_HEADER_SIZE,
    SEGMENT_HEADER_SIZE,
    Place,
    Record,
    follows,
    read_header,
    read_record,
)
from journal.inspect.backwards import backwards
from journal.inspect.folder import SegmentFile, look
from journal.inspect.walk import CHUNK, next_record
from journal.segment import JournalCorruptError, first_offset_of, segment_name

_REMEMBERED: Final = 16_384
"""Records whose checks are kept, to see how far the journal has gone back: more than is ever not synced."""

_REMEMBERED_BEFORE: Final = 100
"""The same of those that were there before: they are read for it."""

_PATIENCE: Final = 1.0
"""Seconds after which a record that is not whole is not being written, but torn or damaged."""


class WentBack(msgspec.Struct, frozen=True):
    """What was given of offsets `[offset, end)` is not in the journal any more: it had not been acknowledged.
    The same offsets come again."""

    offset: int
    end: int

    def __str__(self) -> str:
        return (
            f"the journal has gone back to offset {self.offset}: what was shown from there to "
            f"{self.end - 1} had not been acknowledged and does not count"
        )


class Missed(msgspec.Struct, frozen=True):
    """Offsets `[offset, end)` were retired before they could be read."""

    offset: int
    end: int

    def __str__(self) -> str:
        return f"offsets {self.offset} to {self.end - 1} were retired before they could be shown"


class Unreadable(msgspec.Struct, frozen=True):
    """Offsets `[offset, end)` cannot be read; None where nothing tells how far they go."""

    segment: str
    byte: int
    offset: int
    end: int | None

    def __str__(self) -> str:
        upto = "on" if self.end is None else f"to {self.end - 1}"
        return (
            f"{self.segment}: byte {self.byte}: no whole record, from offset {self.offset} {upto}: an "
            "unfinished write, or a damage; see `forebay journal verify`"
        )


class Replaced(msgspec.Struct, frozen=True):
    """Another journal stands in the directory now."""

    journal_id: UUID

    def __str__(self) -> str:
        return f"another journal stands here now, {self.journal_id}: following that from its beginning"


Notice: TypeAlias = WentBack | Missed | Unreadable | Replaced


class Follower:
    """Gives what is appended to the journal in `directory`, from behind the last whole record on.

    Raises NoJournalError, LaterFormatError, OSError, and JournalCorruptError where a segment has no header.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._open = ExitStack()
        self._given: dict[int, int] = {}
        """Of the last records: the offset behind each, and its check."""
        self._last: tuple[int, int] | None = None
        """Where the last record given stands in the segment, and its check."""
        self._blocked_since: float | None = None
        self._looked_at = 0.0
        self._told: Place | None = None
        while not self._enter(look(directory).segments[-1]):
            pass
        for record in reversed([*islice(backwards(self._file, self._header.salt), _REMEMBERED_BEFORE)]):
            self._take(record)

    @property
    def next_offset(self) -> int:
        """The offset of what comes next."""
        return self._place.next_offset

    def close(self) -> None:
        """Give the descriptor back."""
        self._open.close()

    def poll(self, now: float) -> list[Record | Notice]:
        """What has come since the last time, about CHUNK bytes of it; nothing where there is no more yet.

        `now` is in seconds of a clock that never goes back.
        """
        while not (records := self._read()):
            if not self._roll():
                break
        if records:
            self._blocked_since = None
            return [*records]
        if self._file.gone() or not self._last_stands():
            return self._find_again()
        return self._wait(now)

    def _enter(self, name: str) -> bool:
        """Stand at the beginning of the segment `name`; False where it is not there."""
        opened = ExitStack()
        try:
            file = opened.enter_context(SegmentFile(self._directory, name))
        except FileNotFoundError:
            return False
        header = file.header()
        if isinstance(header, str):
            opened.close()
            raise JournalCorruptError(name, 0, first_offset_of(name), header)
        self._open.close()
        self._open, self._file, self._header, self._last = opened, file, header, None
        self._place = Place(SEGMENT_HEADER_SIZE, header.first_offset, header.chain)
        return True

    def _take(self, record: Record) -> None:
        self._place = self._place.after(record)
        self._last = record.position, record.check
        self._given[record.next_offset] = record.check
        if len(self._given) > _REMEMBERED:
            del self._given[next(iter(self._given))]

    def _read(self, size: int = CHUNK) -> list[Record]:
        """The whole records that follow one another from here on."""
        at, salt = self._place.position, self._header.salt
        head = self._file.read(at, RECORD_HEADER_SIZE)
        header = read_header(head, 0, salt)
        if header is None:
            return []
        data = self._file.read(at, max(size, header.size))
        found: list[Record] = []
        while (record := read_record(data, self._place.position - at, salt)) is not None:
            if not follows(record, self._place):
                break
            record = replace(record, position=self._place.position)
            self._take(record)
            found.append(record)
        return found

    def _roll(self) -> bool:
        """Go on in the next segment, if the journal does."""
        place, first = self._place, self._header.first_offset
        if place.next_offset == first:
            return False
        try:
            with SegmentFile(self._directory, segment_name(place.next_offset)) as file:
                header = file.header()
        except FileNotFoundError:
            return False
        if isinstance(header, str) or (header.previous_first, header.chain) != (first, place.chain):
            return False
        return self._enter(segment_name(place.next_offset))

    def _last_stands(self) -> bool:
        """Whether the last record given is where it was."""
        if self._last is None:
            return True
        position, check = self._last
        return self._file.read(position + RECORD_HEADER_SIZE - 4, 4) == check.to_bytes(4, "little")

    def _wait(self, now: float) -> list[Record | Notice]:
        """Nothing follows: say so if something should, and has not for a while."""
        begun = bool(self._file.read(self._place.position, RECORD_HEADER_SIZE).strip(b"\0"))
        if not begun and now - self._looked_at < _PATIENCE:
            return []
        self._looked_at = now
        later = look(self._directory).segments[-1] > self._file.name
        if not (begun or later):
            self._blocked_since = None
        elif self._blocked_since is None:
            self._blocked_since = now
        elif now - self._blocked_since >= _PATIENCE:
            self._blocked_since = now
            return self._pass_over() if later else self._tell_unfinished()
        return []

    def _tell_unfinished(self) -> list[Record | Notice]:
        if self._told == self._place:
            return []
        self._told = place = self._place
        return [Unreadable(self._file.name, place.position, place.next_offset, None)]

    def _pass_over(self) -> list[Record | Notice]:
        """Go on at the first record that can be read behind a damage."""
        place, name = self._place, self._file.name
        behind = next_record(self._file, place.position, self._header.salt)
        if behind is not None:
            self._place = Place(behind.position, behind.base, behind.chain)
        else:
            following = next(each for each in look(self._directory).segments if each > name)
            if not self._enter(following):
                return []
        if self._place.next_offset == place.next_offset:
            return []
        return [Unreadable(name, place.position, place.next_offset, self._place.next_offset)]

    def _find_again(self) -> list[Record | Notice]:
        """The segment was taken away or written anew: find the last place that agrees with what was given."""
        wanted, own = self._place.next_offset, self._header.journal_id
        names = look(self._directory).segments
        if not self._enter(names[0]):
            return []
        if self._header.journal_id != own:
            self._given.clear()
            return [Replaced(self._header.journal_id)]
        if self._place.next_offset > wanted:
            return [Missed(wanted, self._place.next_offset)]
        for name in reversed(names):
            if (first_offset_of(name) or 0) <= wanted and self._enter(name) and self._agrees(self._place):
                break
        while self._read_agreed(wanted):
            pass
        if self._place.next_offset == wanted:
            return []
        for offset in [each for each in self._given if each > self._place.next_offset]:
            del self._given[offset]
        return [WentBack(self._place.next_offset, wanted)]

    def _agrees(self, place: Place) -> bool:
        """Whether what is before `place` is what was given, as far as that is remembered."""
        oldest = next(iter(self._given), place.next_offset)
        return place.next_offset < oldest or self._given.get(place.next_offset) == place.chain

    def _read_agreed(self, wanted: int) -> bool:
        """Step over the next record, if it is one of those given and ends at or before `wanted`."""
        head = self._file.read(self._place.position, RECORD_HEADER_SIZE)
        header = read_header(head, 0, self._header.salt)
        if header is None:
            return False
        record = read_record(self._file.read(self._place.position, header.size), 0, self._header.salt)
        if record is None or not follows(record, self._place) or record.next_offset > wanted:
            return False
        behind = self._place.after(replace(record, position=self._place.position))
        if not self._agrees(behind):
            return False
        self._last = self._place.position, record.check
        self._place = behind
        return True
