"""What a repaired journal is made of, segment by segment: what stays as it is, what is copied, what is new.

Pure but for what it asks its Reading. The result is the same bytes whoever asks, but for salts and the time
of the snapshot at the end: so a repair that was cut off can be begun anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias
from uuid import UUID

import msgspec
from msgspec.structs import replace

from journal.events import OffsetsLost, Snapshot
from journal.framing import SEGMENT_HEADER_SIZE, Place, Record, Sealing, SegmentHeader
from journal.metric import Nanoseconds, Offset
from journal.recovery import new_segment
from journal.repair.losses import Gap, counted, gaps_of
from journal.repair.making import MAX_COUNT, check_of, record_of, sealed
from journal.repair.rows import Leaving, Row
from journal.repair.survey import Run
from journal.state import LostRange, State

MOST_LOST: Final = 1 << 40
"""Offsets that a gap can have: more than a journal gives in years at a million a second."""


class GapTooWideError(Exception):
    """Between two places of a journal there are more offsets than it can ever have given."""

    def __init__(self, segment: str, first: int, lost: int) -> None:
        super().__init__(
            f"{segment}: {lost} offsets are missing from offset {first} on, more than a journal can have: "
            "move away the segment that does not belong there (`forebay journal ls`), then repair again"
        )


class Copy(msgspec.Struct, frozen=True):
    """Bytes `[position, end)` of the source: records, as they stand there."""

    position: int
    end: int


class Made(msgspec.Struct, frozen=True):
    """A new record."""

    data: bytes


Part: TypeAlias = Copy | Made

BEGUN = "what is lost has to be known from here on"
OUT_OF_ORDER = "records out of order"
_DETACHED = "does not continue what is before it"


class Mended(msgspec.Struct, frozen=True):
    """A segment of the repaired journal: `header`, then `parts` of `row`'s source; `touched` is whether that
    is anything else than what stands under its name."""

    row: Row
    header: SegmentHeader
    parts: tuple[Part, ...]
    gaps: tuple[Gap, ...]
    touched: bool
    why: tuple[str, ...]
    check: int
    upto: int

    @property
    def as_it_is(self) -> bool:
        """Whether the source's bytes need no change, at most another name."""
        return self.row.source is not None and not self.why


class Plan(msgspec.Struct, frozen=True):
    """The repaired journal: its segments in order, and the files that are none of it."""

    segments: tuple[Mended, ...]
    leaving: tuple[Leaving, ...]


class Reading(Protocol):
    """What a plan has to ask of the files."""

    def record_at(self, row: Row, position: int) -> Record:
        """The record there, which is whole."""
        ...

    def fold(self, row: Row, parts: Sequence[Part], salt: int) -> State:
        """The state behind `parts`."""
        ...

    def salt(self) -> int:
        """A random one."""
        ...


def planned(
    rows: Sequence[Row],
    leaving: Sequence[Leaving],
    journal_id: UUID,
    reading: Reading,
    now: Nanoseconds,
    given: int = 0,
) -> Plan:
    """The plan for a journal of `rows`, oldest first; offsets before `given` are known to have been given."""
    planning = _Planning(rows, journal_id, reading, now, given)
    segments = planning.segments()
    behind = planning.begun_behind(segments[-1])
    return Plan((*segments, *([behind] if behind is not None else [])), tuple(leaving))


class _Planning:
    def __init__(
        self, rows: Sequence[Row], journal_id: UUID, reading: Reading, now: Nanoseconds, given: int
    ) -> None:
        self._rows = rows
        self._id = journal_id
        self._reading = reading
        self._now = now
        self.lost: list[LostRange] = []
        sizes = [row.source.size for row in rows if row.source is not None]
        ends = [*(row.first for row in rows[1:]), None]
        for row in rows:
            if row.survey is not None and row.survey.snapshot is not None:
                given = max(given, *(each.offset for each in row.survey.snapshot.cursors.values()), 0)
        found = [
            gaps_of(row, end, largest=max(sizes, default=0), given=given)
            for row, end in zip(rows, ends, strict=True)
        ]
        self._gaps = counted(rows, found)

    def segments(self) -> list[Mended]:
        found: list[Mended] = []
        for index in range(len(self._rows)):
            found.append(self._segment(index, found))
        return found

    def _segment(self, index: int, before: Sequence[Mended]) -> Mended:
        row, gaps = self._rows[index], self._gaps[index]
        source, survey = row.source, row.survey
        runs = survey.runs if survey is not None else ()
        header = self._header(index, before)
        check = header.chain
        why = _wrong(row, header)
        parts: list[Part] = []
        pieces: list[Run | Gap] = sorted((*runs, *gaps), key=lambda piece: piece.first)
        for place, piece in enumerate(pieces):
            if isinstance(piece, Run):
                position = piece.position
                if piece.chain != check:
                    record = self._reading.record_at(row, position)
                    parts.append(Made(_sealed_anew(record, check, header.salt)))
                    position += record.size
                    why += [_DETACHED] if _DETACHED not in why else []
                if position < piece.end:
                    parts.append(Copy(position, piece.end))
                check = piece.check
                continue
            following = pieces[place + 1] if place + 1 < len(pieces) else None
            target = following.chain if isinstance(following, Run) else self._chain_after(index)
            made = self._filled(index, piece, before, header, check, target)
            parts += map(Made, made)
            check = check_of(made[-1])
            why += [piece.what] if piece.what not in why else []
        if survey is not None and survey.tail == "rotten" and isinstance(pieces[-1], Run):
            why.append("bytes that are no record behind the last one")
        if not why and survey is not None and (len(runs) > 1 or survey.whats):
            why.append(OUT_OF_ORDER)
        touched = bool(why) or source is None or source.path != row.name
        upto = pieces[-1].upto if pieces else row.first
        return Mended(row, header, tuple(parts), tuple(gaps), touched, tuple(why), check, upto)

    def _header(self, index: int, before: Sequence[Mended]) -> SegmentHeader:
        row = self._rows[index]
        source, runs = row.source, row.survey.runs if row.survey is not None else ()
        chain = runs[0].chain if runs and runs[0].first == row.first else 0
        if before:
            chain = before[-1].check
        elif source is not None and source.chain is not None:
            chain = source.chain
        previous = before[-1].row.first if before else row.previous
        salt = source.salt if source is not None else None
        sound = source is not None and not source.header_is
        return SegmentHeader(
            self._id,
            Offset(row.first),
            self._reading.salt() if salt is None else salt,
            source.created_at if source is not None and sound else self._time(index),
            Offset(row.first if previous is None else previous),
            chain,
        )

    def _time(self, index: int) -> Nanoseconds:
        """When the segment was begun, or a time that is not later than what is behind it."""
        for row in self._rows[index:]:
            if row.source is not None and row.source.created_at:
                return row.source.created_at
        for row in reversed(self._rows[:index]):
            if row.survey is not None and row.survey.runs:
                return row.survey.runs[-1].time
        return self._now

    def _chain_after(self, index: int) -> int | None:
        """The check that the segment behind expects of the last record of this one, if anything tells."""
        if index + 1 == len(self._rows):
            return None
        row = self._rows[index + 1]
        if row.source is not None and row.source.chain is not None:
            return row.source.chain
        runs = row.survey.runs if row.survey is not None else ()
        return runs[0].chain if runs and runs[0].first == row.first else None

    def _filled(
        self,
        index: int,
        gap: Gap,
        before: Sequence[Mended],
        header: SegmentHeader,
        check: int,
        target: int | None,
    ) -> list[bytes]:
        """The records that stand in the place of `gap`, the last of which has the check `target`."""
        if gap.lost > MOST_LOST:
            raise GapTooWideError(self._rows[index].name, gap.first, gap.lost)
        time = self._time_of(index, gap, header)
        events: list[tuple[int, Snapshot | OffsetsLost]] = []
        at, left = gap.first, gap.lost
        if gap.snapshot:
            events.append((at, Snapshot(self._state_before(index, before))))
            at += 1
        if left:
            self.lost.append(LostRange(Offset(at), Offset(gap.upto), gap.metrics, gap.exact))
        metrics = gap.metrics
        while left:
            count = min(left, MAX_COUNT)
            events.append((at, OffsetsLost(count, min(metrics, count), gap.what, gap.exact)))
            at, left, metrics = at + count, left - count, metrics - min(metrics, count)
        made: list[bytes] = []
        for place, (base, event) in enumerate(events):
            last = target if place + 1 == len(events) else None
            made.append(record_of(event, base, time, check, header.salt, last))
            check = check_of(made[-1])
        return made

    def _time_of(self, index: int, gap: Gap, header: SegmentHeader) -> Nanoseconds:
        survey = self._rows[index].survey
        runs = survey.runs if survey is not None else ()
        later = [run.time for run in runs if run.first >= gap.upto]
        return (
            later[0]
            if later
            else self._time(index + 1)
            if gap.first > header.first_offset
            else header.created_at
        )

    def _state_before(self, index: int, before: Sequence[Mended]) -> State:
        """The state where the segment begins: the fold of what is before, or a guess from what follows."""
        row = self._rows[index]
        if before:
            last = before[-1]
            return self._reading.fold(last.row, last.parts, last.header.salt)
        if row.first == 0:
            return State()
        accepted, known = 0, State()
        for each, gaps in zip(self._rows[index:], self._gaps[index:], strict=True):
            if each.survey is not None and each.survey.snapshot is not None:
                known = each.survey.snapshot
                accepted = known.accepted - accepted
                break
            held = each.survey.runs if each.survey is not None else ()
            accepted += sum(run.metrics or 0 for run in held) + sum(gap.metrics for gap in gaps)
        else:
            accepted = row.first
        accepted = max(0, min(accepted, row.first))
        # What else was in the state nobody knows any more: the mark keeps it from being taken for a fold.
        mark = LostRange(Offset(row.first), Offset(row.first + 1), 0)
        self.lost.append(mark)
        return replace(known, accepted=accepted, events=row.first - accepted, lost=(mark,))

    def begun_behind(self, last: Mended) -> Mended | None:
        """A segment behind the newest whose snapshot knows of all that is lost; None where nothing is new.

        What was lost before a snapshot was written cannot be in it: it is older than this repair. And a
        segment's name says how far offsets had gone, whatever happens to the record that says so.
        """
        state = self._reading.fold(last.row, last.parts, last.header.salt)
        known = {(each.first, each.end) for each in state.lost}
        told = {(each.first, each.end): each for each in self.lost}
        for row in self._rows:
            for each in row.survey.lost if row.survey is not None else ():
                told.setdefault((each.first, each.end), each)
        news = [each for key, each in told.items() if key not in known and each.end > state.retired_before]
        if not news and not any(gap.lost for gap in last.gaps):
            return None
        aware = replace(
            state,
            lost=tuple(sorted((*state.lost, *news), key=lambda each: each.first)),
            lost_metrics=state.lost_metrics + sum(each.metrics for each in news),
        )
        begun = new_segment(
            self._id, Place(0, last.upto, last.check), last.header.first_offset, aware, self._now
        )
        return Mended(
            Row(last.upto),
            begun.header,
            (Made(begun.head[SEGMENT_HEADER_SIZE:]),),
            (),
            True,
            (BEGUN,),
            begun.place.chain,
            begun.place.next_offset,
        )


def _wrong(row: Row, header: SegmentHeader) -> list[str]:
    """What is wrong with a segment, besides its gaps, so that its bytes cannot stay as they are."""
    source, survey = row.source, row.survey
    if source is None or survey is None:
        return []
    if source.header_is:
        return [source.header_is]
    found = [] if survey.ordered else [OUT_OF_ORDER]
    if header != source.header() and header.previous_first != source.previous:
        found.append("does not name the segment before it")
    elif header != source.header():
        found.append(_DETACHED)
    if survey.tail == "torn":
        found.append("torn tail, never acknowledged")
    return found


def _sealed_anew(record: Record, chain: int, salt: int) -> bytes:
    """`record` behind another one than it was written behind, with the check that the next one expects."""
    sealing = Sealing(record.base, record.count, record.time, record.plain, 0, chain)
    return sealed(record.payload, sealing, salt, record.check)
