"""Which file belongs where, and where a segment is missing. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from os.path import basename
from uuid import UUID

import msgspec

from journal.repair.sources import Source
from journal.repair.survey import Survey
from journal.segment import segment_name


class Leaving(msgspec.Struct, frozen=True):
    """A file that is no part of the journal, and why."""

    path: str
    why: str


class Row(msgspec.Struct, frozen=True):
    """The place of a segment in the journal; without a `source` it is missing."""

    first: int
    source: Source | None = None
    survey: Survey | None = None

    @property
    def name(self) -> str:
        """The file name that it must have."""
        return segment_name(self.first)

    @property
    def upto(self) -> int:
        """The offset behind the last record that can be read."""
        return self.survey.runs[-1].upto if self.survey is not None and self.survey.runs else self.first

    @property
    def previous(self) -> int | None:
        """Where the segment before begins, as far as this one tells."""
        return self.source.previous if self.source is not None else None


def own_id(sources: Sequence[Source]) -> UUID | None:
    """The journal that most segments belong to; of equals, that of the newest. None where no header tells."""
    newest_first = sorted(sources, key=lambda source: -source.first)
    counted = Counter(source.journal_id for source in newest_first if source.journal_id is not None)
    return counted.most_common(1)[0][0] if counted else None


def sorted_out(
    sources: Sequence[Source], journal_id: UUID | None, look: Callable[[Source], Survey]
) -> tuple[list[Source], list[Leaving]]:
    """The sources that make up the journal, ascending, one a place; and the files that are none of it."""
    leaving: list[Leaving] = []
    places: dict[int, Source] = {}
    for source in sources:
        if source.journal_id not in (None, journal_id):
            leaving.append(Leaving(source.path, f"belongs to another journal, {source.journal_id}"))
            continue
        rival = places.get(source.first)
        if rival is not None:
            source, second = sorted((rival, source), key=lambda each: _worth(each, look), reverse=True)
            leaving.append(Leaving(second.path, f"the same segment as {source.path}, not better than it"))
        places[source.first] = source
    kept = [places[first] for first in sorted(places)]
    between = {
        inner.first: source
        for source in kept
        if not source.header_is and source.previous is not None
        for inner in kept
        if source.previous < inner.first < source.first
    }
    for first, source in between.items():
        what = f"stands between {segment_name(source.previous or 0)} and {segment_name(source.first)}"
        leaving.append(Leaving(places[first].path, f"{what}, which follow one another"))
    return [source for source in kept if source.first not in between], leaving


def _worth(source: Source, look: Callable[[Source], Survey]) -> tuple[int, bool, bool]:
    readable = sum(run.upto - run.first for run in look(source).runs)
    return readable, not source.header_is, basename(source.path) == segment_name(source.first)


def with_missing(rows: Sequence[Row], retired_before: int) -> list[Row]:
    """`rows` of offsets from `retired_before` on, with one for each segment that must have been there."""
    kept = [row for row in rows if row.first >= retired_before]
    if not kept:
        return [Row(retired_before)]
    head = kept[0]
    found: list[Row] = []
    if head.first > retired_before:
        found.append(Row(retired_before))
        if head.previous is not None and retired_before < head.previous < head.first:
            found.append(Row(head.previous))
    found.append(head)
    for before, after in pairwise(kept):
        previous = after.previous
        if previous is not None and before.first < previous and before.upto <= previous < after.first:
            ended = before.survey is not None and before.survey.tail == "clean"
            if ended and before.first < before.upto < previous:
                found.append(Row(before.upto))
            found.append(Row(previous))
        found.append(after)
    return found


def replaced_newest(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """A row for the newest segment, where something else stands under its name: one that begins exactly where
    the last of `rows` ends can be no other's."""
    upto = rows[-1].upto
    return [Row(upto)] if upto > rows[-1].first and segment_name(upto) in names else []
