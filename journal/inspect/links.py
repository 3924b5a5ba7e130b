"""How the segments of a journal belong together: which are its own, and whether one is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from uuid import UUID

import msgspec

from journal.framing import Clean, SegmentHeader
from journal.inspect.findings import Finding
from journal.inspect.folder import Folder, SegmentFile
from journal.inspect.walk import End
from journal.segment import first_offset_of, segment_name


class Link(msgspec.Struct, frozen=True):
    """A segment in the row of all: its header, and its end where it was read to there.

    `header` is None where it cannot be read: then nothing is said about what is in the segment.
    """

    name: str
    header: SegmentHeader | None
    end: End | None = None

    @property
    def first_offset(self) -> int:
        """Where it begins."""
        return first_offset_of(self.name) or 0


def read_headers(folder: Folder) -> dict[str, SegmentHeader | str]:
    """The header of each segment, or what is wrong with it, without those that retention took meanwhile."""
    headers: dict[str, SegmentHeader | str] = {}
    for name in folder.segments:
        with suppress(FileNotFoundError), SegmentFile(folder.path, name) as file:
            headers[name] = file.header()
    return headers


def extent(folder: Folder, name: str) -> tuple[int, int | None]:
    """The offsets `[first, end)` of the segment `name`, as the names say; `end` is None for the newest."""
    following = folder.segments.index(name) + 1
    end = first_offset_of(folder.segments[following]) if following < len(folder.segments) else None
    return first_offset_of(name) or 0, end


def bad_header(folder: Folder, name: str, what: str) -> Finding:
    """What to tell of a segment whose header says nothing."""
    return Finding("header", name, 0, first_offset_of(name), what, extent(folder, name))


def own_id(headers: Sequence[SegmentHeader]) -> UUID | None:
    """The journal that most of the segments belong to; of equals, that of the newest."""
    if not headers:
        return None
    counted = Counter(header.journal_id for header in reversed(headers))
    return counted.most_common(1)[0][0]


def belongs(name: str, header: SegmentHeader, journal_id: UUID | None) -> Finding | None:
    """What is wrong with a segment of that name and header among the others, if anything."""
    if header.journal_id != journal_id:
        what = f"belongs to another journal, {header.journal_id}"
        return Finding("foreign", name, 0, first_offset_of(name), what)
    if segment_name(header.first_offset) != name:
        what = f"its header says first offset {header.first_offset}: renamed, or a copy"
        return Finding("misnamed", name, 0, first_offset_of(name), what)
    return None


def check_links(links: Sequence[Link], retired_before: int) -> Iterator[Finding]:
    """What is wrong between segments, those before `retired_before` not counted: they may go at any time."""
    kept = [link for link in links if link.first_offset >= retired_before]
    if kept and kept[0].first_offset > retired_before:
        first = kept[0].first_offset
        what = f"the journal begins at offset {retired_before}, and nothing before this segment is there"
        yield Finding("missing", kept[0].name, 0, first, what, (retired_before, first))
    for before, after in pairwise(kept):
        finding = _between(before, after)
        if finding is not None:
            yield finding


def _between(before: Link, after: Link) -> Finding | None:
    first = after.first_offset
    if after.header is None:
        # That segment has a finding of its own; where it begins, its name says.
        return None if before.end is None else before.end.too_early(before.name, first)
    previous = after.header.previous_first
    if previous != before.first_offset:
        begin = before.end.place.next_offset if before.end else previous
        what = f"follows {segment_name(previous)}, which is missing"
        return Finding("missing", after.name, 0, first, what, (begin, first))
    if before.end is None:
        return None
    early = before.end.too_early(before.name, first)
    if early is not None:
        return early
    place = before.end.place
    if place.chain != after.header.chain:
        return Finding("chain", after.name, 0, first, f"does not continue the chain of {before.name}")
    if not isinstance(before.end.ending, Clean):
        what = "bytes that are no record stand behind the last one"
        return Finding("debris", before.name, place.position, place.next_offset, what)
    return None
