"""The metrics and control events of a journal, one line each, in order, in constant memory: as Structs, as
JSON, or the records that hold them as they are in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from journal.events import UnknownEventError
from journal.framing import Record, Rotten, SegmentHeader
from journal.inspect.findings import Finding
from journal.inspect.folder import SegmentFile, look
from journal.inspect.lines import Line, Row
from journal.inspect.links import bad_header, belongs, own_id, read_headers
from journal.inspect.picking import Picker, portions
from journal.inspect.selection import Bound, Selection
from journal.inspect.stretches import Stretch, stretches
from journal.inspect.walk import Damage, End
from journal.segment import first_offset_of

Found: TypeAlias = Callable[[Finding], None]
Reading: TypeAlias = Callable[[str, int], None]


def _ignore(_: Finding) -> None:
    pass


def dump(
    directory: str, selection: Selection, found: Found = _ignore, reading: Reading | None = None
) -> Iterator[list[Line]]:
    """The lines that `selection` asks for, a list for each record that holds some; never an empty one.

    Goes on behind a damage and tells it to `found`, as what cannot be shown; `reading` is told which byte of
    which segment is being read. Ends where the journal ends now. Raises NoJournalError, LaterFormatError,
    OSError, and re.error for a `grep` that is no pattern.
    """
    for _, _, lines in _picked(directory, selection, found, reading):
        yield lines


def dump_rows(
    directory: str, selection: Selection, found: Found = _ignore, reading: Reading | None = None
) -> Iterator[Sequence[Row | Line]]:
    """The lines of `dump`, many records' at a time; a metric may be a Row that stands for its line."""
    picker, left = Picker(selection), selection.limit
    if left == 0:
        return
    for name, stretch in stretches_between(directory, selection, found, reading):
        for records in portions(stretch.records):
            rows: Sequence[Row | Line] | None = picker.rows(records)
            if rows is None:
                rows = [line for record in records for line in _readable(picker, name, record, found)]
            if left is not None:
                rows = rows[:left]
                left -= len(rows)
            if rows:
                yield rows
            if left == 0:
                return


def dump_json(directory: str, selection: Selection, found: Found = _ignore) -> Iterator[bytes]:
    """The lines of `dump` as JSON objects, each with a newline behind it, many at a time."""
    encode_lines = msgspec.json.Encoder().encode_lines
    for rows in dump_rows(directory, selection, found):
        yield encode_lines(rows)


def dump_raw(directory: str, selection: Selection, found: Found = _ignore) -> Iterator[bytes]:
    """The whole records that hold the lines of `dump`, as they are in the file: header, payload, padding.

    Where only a range is asked for, they are not decoded, so that those of another version are given too.
    """
    if selection.narrows:
        for stretch, record, _ in _picked(directory, selection, found):
            yield stretch.raw(record)
        return
    for _, stretch in stretches_between(directory, selection, found):
        yield b"".join(map(stretch.raw, stretch.records))


def _picked(
    directory: str, selection: Selection, found: Found, reading: Reading | None = None
) -> Iterator[tuple[Stretch, Record, list[Line]]]:
    picker, left = Picker(selection), selection.limit
    if left == 0:
        return
    for name, stretch in stretches_between(directory, selection, found, reading):
        for record in stretch.records:
            if record.plain and not selection.wants_metrics:
                continue
            parts = (part for few in portions((record,)) for part in few)
            lines = [line for part in parts for line in _readable(picker, name, part, found)]
            if left is not None:
                lines = lines[:left]
                left -= len(lines)
            if lines:
                yield stretch, record, lines
            if left == 0:
                return


def _readable(picker: Picker, name: str, record: Record, found: Found) -> list[Line]:
    """The lines of `record`; none where its events cannot be read, which is told."""
    try:
        return picker.lines(record)
    except UnknownEventError as error:
        lost = (record.base, record.next_offset)
        found(Finding("event", name, record.position, error.offset, error.detail, lost))
        return []


def stretches_between(
    directory: str, selection: Selection, found: Found, reading: Reading | None = None
) -> Iterator[tuple[str, Stretch]]:
    """The records that may hold something of the selection, with their segments' names.

    Tells, goes on and raises as `dump` does.
    """
    folder = look(directory)
    headers = read_headers(folder)
    own = own_id([header for header in headers.values() if not isinstance(header, str)])
    for name, following in _wanted(headers, selection):
        header = headers[name]
        if isinstance(header, str):
            found(bad_header(folder, name, header))
            continue
        odd = belongs(name, header, own)
        if odd is not None:
            found(odd)
            continue
        try:
            with SegmentFile(directory, name, reading and partial(reading, name)) as file:
                for step in stretches(file, header, newest=following is None):
                    if isinstance(step, Stretch):
                        chosen = _within(step, selection)
                        if chosen is not None:
                            yield name, chosen
                        if _is_behind(step.records[-1], selection.until):
                            return
                        continue
                    finding = _trouble(name, step, following)
                    if finding is not None and file.gone():
                        raise FileNotFoundError(file.path)
                    if finding is not None:
                        found(finding)
        except FileNotFoundError:
            found(Finding("retired", name, 0, first_offset_of(name), "taken by retention meanwhile"))


def _wanted(
    headers: dict[str, SegmentHeader | str], selection: Selection
) -> Iterator[tuple[str, int | None]]:
    """The segments that may hold something of the selection, each with the offset where the next begins."""
    since, until = selection.since, selection.until
    names = list(headers)
    for name, following in zip_longest(names, names[1:]):
        header, ahead = headers[name], headers[following] if following else None
        begins, ends = first_offset_of(name) or 0, first_offset_of(following) if following else None
        if until.offset is not None and begins >= until.offset:
            return
        if until.time is not None and not isinstance(header, str) and header.created_at >= until.time:
            return
        if since.offset is not None and ends is not None and ends <= since.offset:
            continue
        if since.time is not None and isinstance(ahead, SegmentHeader) and ahead.created_at < since.time:
            continue
        yield name, ends


def _trouble(name: str, step: Damage | End, following: int | None) -> Finding | None:
    match step:
        case Damage():
            return step.finding(name)
        case End() if following is not None:
            return step.too_early(name, following)
        case End(place=place, ending=Rotten(reason=reason)):
            return Finding(
                "record", name, place.position, place.next_offset, reason, (place.next_offset, None)
            )
        case _:
            return None


def _within(stretch: Stretch, selection: Selection) -> Stretch | None:
    """What of `stretch` the bounds of the selection leave, if anything."""
    if selection.since == selection.until == Bound():
        return stretch
    records = [record for record in stretch.records if overlaps(record, selection)]
    return replace(stretch, records=records) if records else None


def overlaps(record: Record, selection: Selection) -> bool:
    """Whether something of `record` lies within the bounds of the selection."""
    since, until = selection.since, selection.until
    return (
        (since.offset is None or record.next_offset > since.offset)
        and (until.offset is None or record.base < until.offset)
        and (since.time is None or record.time >= since.time)
        and (until.time is None or record.time < until.time)
    )


def _is_behind(record: Record, until: Bound) -> bool:
    # By offset only: a clock may have been set back.
    return until.offset is not None and record.next_offset >= until.offset
