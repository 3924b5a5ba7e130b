"""What a journal had folded to at any point of its past.

One segment is read, the one that holds the point: its snapshot stands for all before it. So this takes as
long for a journal of years as for one of minutes.

The state *as of an offset* is the state after every event before it; itself is not included. The state *as
of a time* is the state before the first record, in the order of offsets, that was written at that time or
later. Where a clock was set back there may be several such places: it is the one in the first segment that is
followed by one begun at that time or later, or right behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

import msgspec

from journal.framing import SegmentHeader
from journal.inspect.folder import Folder, SegmentFile, look
from journal.inspect.links import bad_header, belongs, own_id, read_headers
from journal.inspect.selection import Bound
from journal.inspect.upto import Folding, Marks, PastDamagedError
from journal.metric import MAX_INT64, Nanoseconds, Offset
from journal.segment import containing, first_offset_of
from journal.state import State


class Past(msgspec.Struct, frozen=True):
    """The `state` after every event before `offset`; the last of them was written at `time`.

    `first_offset` is the oldest that is kept. `ended`: the journal ends here, before the offset that was
    asked for.
    """

    journal_id: UUID
    offset: Offset
    time: Nanoseconds
    state: State
    first_offset: Offset
    ended: bool = False


class PastRetiredError(Exception):
    """The point asked for lies before everything that is kept, which begins at `first_offset`."""

    def __init__(self, directory: str, point: Bound, first_offset: Offset) -> None:
        self.first_offset = first_offset
        asked = "that time" if point.offset is None else f"offset {point.offset}"
        super().__init__(
            f"{directory}: {asked} lies before what is kept; the journal begins at offset {first_offset} "
            "now: ask for that or later"
        )


def state_at(
    directory: str,
    point: Bound,
    *,
    end: Offset | None = None,
    reading: Callable[[int], None] | None = None,
    marks: Marks | None = None,
) -> Past:
    """The journal's state as of `point`, or as of its end.

    Of a journal that this process writes to, `end` is how far it is committed: nothing behind is looked at.
    `reading` is told each byte that has been read up to, and may raise to give up. `marks` are kept by who
    asks often. Raises NoJournalError, PastRetiredError, PastDamagedError, LaterFormatError, OSError. Blocks.
    """
    while True:
        folder = look(directory)
        try:
            return _state_at(folder, point, end, reading, marks)
        except FileNotFoundError:
            # Retention took it between our look at the names and at the file: now the names say so too.
            continue


def in_full(value: object) -> object:
    """`value` with every field of every Struct in it, also those that have their defaults."""
    match value:
        case msgspec.Struct():
            return {name: in_full(getattr(value, name)) for name in value.__struct_fields__}
        case dict():
            return {key: in_full(each) for key, each in cast(dict[Any, object], value).items()}
        case tuple() | list():
            return [in_full(each) for each in cast(tuple[object, ...], value)]
        case _:
            return value


async def accepted_before(directory: str, offset: Offset, *, end: Offset | None = None) -> int:
    """How many metrics were accepted before `offset`, since the journal began. Raises as `state_at` does."""
    past = await asyncio.to_thread(state_at, directory, Bound(offset=offset), end=end)
    return past.state.accepted


def _state_at(
    folder: Folder,
    point: Bound,
    end: Offset | None,
    reading: Callable[[int], None] | None,
    marks: Marks | None,
) -> Past:
    headers = read_headers(folder)
    names = list(headers)
    first = first_offset_of(names[0]) or Offset(0)
    index = _index_of(headers, names, point, first)
    if index is None:
        raise PastRetiredError(folder.path, point, first)
    name, header = names[index], headers[names[index]]
    if isinstance(header, str):
        raise PastDamagedError(bad_header(folder, name, header), first_offset_of(name) or 0)
    odd = belongs(name, header, own_id([each for each in headers.values() if not isinstance(each, str)]))
    if odd is not None:
        raise PastDamagedError(odd, header.first_offset)
    following = first_offset_of(names[index + 1]) if index + 1 < len(names) else None
    asked = MAX_INT64 if point.offset is None else point.offset
    until = asked if end is None else min(asked, end)
    before = MAX_INT64 if point.time is None else point.time
    with SegmentFile(folder.path, name, reading) as file:
        folding = Folding(header, until, before, marks)
        try:
            folding.run(file, following)
        except PastDamagedError:
            if file.gone():
                raise FileNotFoundError(file.path) from None
            raise
    ended = point.offset is not None and folding.offset < point.offset
    return Past(header.journal_id, Offset(folding.offset), folding.time, folding.state, first, ended)


def _index_of(
    headers: dict[str, SegmentHeader | str], names: list[str], point: Bound, first: Offset
) -> int | None:
    """Which segment holds `point`; None where it lies before all of them."""
    if point.offset is not None:
        if point.offset < first:
            return None
        return containing([first_offset_of(name) or 0 for name in names], point.offset)
    if point.time is None:
        return len(names) - 1
    oldest = headers[names[0]]
    if first > 0 and isinstance(oldest, SegmentHeader) and oldest.created_at > point.time:
        return None
    for index, name in enumerate(names[1:]):
        header = headers[name]
        if isinstance(header, SegmentHeader) and header.created_at >= point.time:
            return index
    return len(names) - 1
