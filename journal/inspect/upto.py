"""Folds one segment up to a point in it, from its snapshot on or from a place where the fold is known."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final, NamedTuple

from journal.events import MetricsAccepted, Snapshot, UnknownEventError, offsets_of, width
from journal.framing import SEGMENT_HEADER_SIZE, Place, Record, Rotten, SegmentHeader
from journal.inspect.findings import Finding
from journal.inspect.folder import SegmentFile
from journal.inspect.skim import Tally
from journal.inspect.walk import Damage, End, walk
from journal.metric import MAX_INT64, Nanoseconds
from journal.replay import evolve, evolve_plain, fold
from journal.segment import JournalCorruptError
from journal.state import State

STRIDE: Final = 16_384
"""Offsets between two marks of a segment."""

MARKED: Final = 64
"""Segments whose marks are kept."""


class Mark(NamedTuple):
    """A place between two records, the fold of all before it, and when the last of them was written."""

    place: Place
    state: State
    time: Nanoseconds


class Marks:
    """What has been folded of the segments that were asked about last, so that whoever asks often (the slider
    of the dashboard) is answered sooner the second time. For any number of threads; bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._segments: OrderedDict[tuple[str, int], dict[int, Mark]] = OrderedDict()

    def __len__(self) -> int:
        """How many are kept."""
        with self._lock:
            return sum(map(len, self._segments.values()))

    def before(self, segment: str, salt: int, until: int) -> Mark | None:
        """The last mark at or before offset `until`."""
        with self._lock:
            marks = self._segments.get((segment, salt))
            if marks is None:
                return None
            self._segments.move_to_end((segment, salt))
            return marks.get(max((offset for offset in marks if offset <= until), default=-1))

    def add(self, segment: str, salt: int, mark: Mark) -> None:
        """Keep `mark`; where there are too many segments, forget the one asked about longest ago."""
        with self._lock:
            self._segments.setdefault((segment, salt), {})[mark.place.next_offset] = mark
            self._segments.move_to_end((segment, salt))
            if len(self._segments) > MARKED:
                self._segments.popitem(last=False)


class PastDamagedError(JournalCorruptError):
    """The state at a point cannot be known: `finding` hides a part of what it is folded from, and nothing of
    that segment is known behind offset `known_to`."""

    def __init__(self, finding: Finding, known_to: int) -> None:
        super().__init__(finding.segment, finding.byte, finding.offset, finding.what)
        self.finding = finding
        self.known_to = known_to
        Exception.__init__(self, f"the state there is not known, only up to offset {known_to}: {finding}")


class Folding:
    """Folds a segment up to offset `until`, itself not included, or to the first record written at `before`
    or later: `state` is that as of `offset`, and `time` is when the last event before was written."""

    def __init__(
        self,
        header: SegmentHeader,
        until: int = MAX_INT64,
        before: Nanoseconds = MAX_INT64,
        marks: Marks | None = None,
    ) -> None:
        self.offset: int = header.first_offset
        self.time = header.created_at
        self.state = State()
        self.snapshot: State | None = None
        """What the segment says was before it; None where that was passed over, thanks to a mark."""
        self.header = header
        self._until = until
        self._before = before
        # A mark does not tell of a time that no record before it was written later: a clock may go back.
        self._marks = marks if before == MAX_INT64 else None

    def run(self, file: SegmentFile, following: int | None) -> None:
        """Read `file`; the next segment begins at `following`, None where there is none.

        Raises PastDamagedError, OSError.
        """
        begin = self._resume(file.name)
        self._read(file, begin, following)
        if self.snapshot is None and begin.position == SEGMENT_HEADER_SIZE:
            first, what = self.header.first_offset, "the segment begins without a snapshot"
            raise PastDamagedError(Finding("record", file.name, SEGMENT_HEADER_SIZE, first, what), first)

    def _read(self, file: SegmentFile, begin: Place, following: int | None) -> None:
        # At least the snapshot is looked at: it says what was before it, also where the point is its own.
        until = max(self._until, self.header.first_offset + 1)
        tally = Tally(until, self._before)
        self._stride(tally, until)
        for step in walk(
            file, self.header, newest=following is None, skimmed=tally, begin=begin, until=until
        ):
            self._count(tally)
            if self.offset >= self._until > self.header.first_offset:
                return
            match step:
                case Record():
                    if not self._take(file.name, step):
                        return
                    if self._marks is not None and tally.until <= step.next_offset < until:
                        place = begin.after(step)
                        self._marks.add(file.name, self.header.salt, Mark(place, self.state, self.time))
                        self._stride(tally, until)
                case Damage():
                    raise PastDamagedError(step.finding(file.name), self.offset)
                case End():
                    self._end(file.name, step, following)
        self._count(tally)

    def _resume(self, segment: str) -> Place:
        """Where to begin: at a mark, if there is one, or at the segment's beginning."""
        header = self.header
        mark = None if self._marks is None else self._marks.before(segment, header.salt, self._until)
        if mark is None:
            return Place(SEGMENT_HEADER_SIZE, header.first_offset, header.chain)
        self.offset, self.state, self.time = mark.place.next_offset, mark.state, mark.time
        return mark.place

    def _stride(self, tally: Tally, until: int) -> None:
        if self._marks is not None:
            tally.until = min(until, self.offset + STRIDE)

    def _count(self, tally: Tally) -> None:
        if tally.records:
            self.state = evolve_plain(self.state, tally.metrics)
            self.offset += tally.metrics
            self.time = tally.last_time
            tally.clear()

    def _take(self, segment: str, record: Record) -> bool:
        """Fold `record`, or what of it is before the point; whether more may be."""
        try:
            if record.base == self.header.first_offset:
                self._begin(record)
            if record.next_offset <= self._until and record.time < self._before:
                self.state = fold(self.state, (record,))
                self.offset, self.time = record.next_offset, record.time
                return True
            self._take_part(record)
        except UnknownEventError as error:
            finding = Finding("event", segment, record.position, error.offset, error.detail)
            raise PastDamagedError(finding, self.offset) from error
        return False

    def _take_part(self, record: Record) -> None:
        until = self._until if record.time < self._before else record.base
        if record.plain:
            self.state = evolve_plain(self.state, until - record.base)
        else:
            for at, event in offsets_of(record.events(), record.base):
                if at >= until:
                    break
                if at + width(event) <= until:
                    self.state = evolve(self.state, event, record.time, at)
                elif isinstance(event, MetricsAccepted):
                    self.state = evolve_plain(self.state, until - at)
        if until > record.base:
            self.time = record.time
        self.offset = until

    def _begin(self, record: Record) -> None:
        head = next(iter(record.events()), None)
        if isinstance(head, Snapshot):
            self.snapshot = self.state = head.state

    def _end(self, segment: str, end: End, following: int | None) -> None:
        finding = None
        if following is not None:
            finding = end.too_early(segment, following)
        elif isinstance(end.ending, Rotten):
            place = end.place
            lost = (place.next_offset, None)
            finding = Finding("record", segment, place.position, place.next_offset, end.ending.reason, lost)
        if finding is not None:
            raise PastDamagedError(finding, self.offset)
