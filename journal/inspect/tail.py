"""The last lines of a journal, and those that come behind them while somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from journal.events import UnknownEventError
from journal.framing import SEGMENT_HEADER_SIZE, Record, SegmentHeader
from journal.inspect.backwards import backwards
from journal.inspect.dump import overlaps
from journal.inspect.findings import Finding
from journal.inspect.folder import SegmentFile, look
from journal.inspect.follow import Follower, Notice
from journal.inspect.lines import Line, Row
from journal.inspect.links import bad_header, belongs, own_id, read_headers
from journal.inspect.picking import Picker
from journal.inspect.selection import Selection
from journal.metric import MAX_INT64

Lines: TypeAlias = Sequence[Line | Row]


def last_lines(
    directory: str, selection: Selection, many: int, found: Callable[[Finding], None] = lambda _: None
) -> list[Line]:
    """The last `many` lines that `selection` asks for, in order.

    Reads from the end backwards, and no more than it needs. A damage on the way is told to `found`. Raises
    NoJournalError, LaterFormatError, re.error, OSError.
    """
    if not many:
        return []
    picker = Picker(selection)
    groups: list[list[Line]] = []
    left = many
    for name, record in _records(directory, selection, found):
        try:
            lines = picker.lines(record)
        except UnknownEventError as error:
            lost = (error.offset, record.next_offset)
            found(Finding("event", name, record.position, error.offset, error.detail, lost))
            continue
        groups.append(lines)
        left -= len(lines)
        if left <= 0:
            break
    return [line for group in reversed(groups) for line in group][-many:]


def _records(
    directory: str, selection: Selection, found: Callable[[Finding], None]
) -> Iterator[tuple[str, Record]]:
    """The records within the selection's bounds, the last first, with their segments' names."""
    folder = look(directory)
    headers = read_headers(folder)
    own = own_id([header for header in headers.values() if not isinstance(header, str)])
    joint: _Joint | None = None
    for name in reversed(headers):
        header = headers[name]
        odd = bad_header(folder, name, header) if isinstance(header, str) else belongs(name, header, own)
        if odd is not None:
            found(odd)
            joint = None
        if isinstance(header, str) or odd is not None:
            continue
        if selection.until.offset is not None and header.first_offset >= selection.until.offset:
            continue
        joint = joint or _Joint(found)
        try:
            with SegmentFile(directory, name) as file:
                for record in backwards(file, header.salt):
                    if file.gone():
                        return
                    joint.record(name, record)
                    if overlaps(record, selection):
                        yield name, record
                    if selection.since.offset is not None and record.base <= selection.since.offset:
                        return
        except FileNotFoundError:
            # Retention took it, and all before it.
            return
        joint.header(name, header)
        if selection.since.time is not None and header.created_at < selection.since.time:
            return


class _Joint:
    """Sees, from the end backwards, whether each record is followed by the one given before it."""

    def __init__(self, found: Callable[[Finding], None]) -> None:
        self._found = found
        self._due: tuple[int, int] | None = None
        """The offset and the check that the next record must end with."""

    def record(self, name: str, record: Record) -> None:
        self._compare(name, record.position + record.size, record.next_offset, record.check)
        self._due = record.base, record.chain

    def header(self, name: str, header: SegmentHeader) -> None:
        self._compare(name, SEGMENT_HEADER_SIZE, header.first_offset, header.chain)
        self._due = header.first_offset, header.chain

    def _compare(self, name: str, byte: int, offset: int, check: int) -> None:
        if self._due is None or self._due == (offset, check):
            return
        due = self._due[0]
        lost = (offset, due) if due > offset else None
        self._found(Finding("record", name, byte, offset, "a record is missing or damaged", lost))


class Following:
    """The lines that `selection` asks for behind what the journal holds now; see Follower.

    Raises as Follower does, and re.error.
    """

    def __init__(self, directory: str, selection: Selection) -> None:
        self._follower = Follower(directory)
        self._picker = Picker(selection)
        self._selection = selection

    @property
    def next_offset(self) -> int:
        """The offset of what comes next."""
        return self._follower.next_offset

    @property
    def ended(self) -> bool:
        """Whether nothing that comes can be asked for any more."""
        return self.next_offset >= (self._selection.until.offset or MAX_INT64)

    def close(self) -> None:
        """Give the descriptor back."""
        self._follower.close()

    def poll(self, now: float) -> tuple[list[Lines], list[Notice | UnknownEventError], bool]:
        """What has come since the last time: lines, what is to be said of them, and whether there was
        anything at all, so that there may be more. `now` is in seconds of a clock that never goes back.
        """
        steps = self._follower.poll(now)
        notices: list[Notice | UnknownEventError] = [step for step in steps if not isinstance(step, Record)]
        records = [step for step in steps if isinstance(step, Record) and overlaps(step, self._selection)]
        lines: list[Lines] = []
        if records:
            rows = self._picker.rows(records)
            lines = [rows] if rows is not None else [self._lines(record, notices) for record in records]
        return [some for some in lines if some], notices, bool(steps)

    def _lines(self, record: Record, notices: list[Notice | UnknownEventError]) -> list[Line]:
        try:
            return self._picker.lines(record)
        except UnknownEventError as error:
            notices.append(error)
            return []
