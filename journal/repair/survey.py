"""What can still be read of a segment: runs of records that follow one another, and what is between them.

Memory is bounded by the number of damages, not of records: a run is known by its two ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from journal.events import (
    MetricsAccepted,
    OffsetsLost,
    SegmentsRetired,
    Snapshot,
    UnknownEventError,
    offsets_of,
)
from journal.framing import (
    PLAIN_BIT,
    RECORD_HEADER_SIZE,
    SEGMENT_HEADER_SIZE,
    Clean,
    Record,
    Torn,
    read_header,
    read_record,
)
from journal.inspect.skim import Tally
from journal.inspect.walk import CHUNK, Damage, End, ending_at, walk, written_end
from journal.metric import Nanoseconds
from journal.repair.sources import PatientFile, Source
from journal.state import LostRange, State


class Run(msgspec.Struct, frozen=True):
    """Records in bytes `[position, end)` that follow one another, of offsets `[first, upto)`.

    The first of them says `chain` and was written at `time`, the last one's own check is `check`. `metrics`
    is None where not all of them can be decoded.
    """

    position: int
    end: int
    first: int
    upto: int
    chain: int
    check: int
    time: Nanoseconds
    records: int
    metrics: int | None


class Heads(msgspec.Struct, frozen=True):
    """What the headers of damaged records say that can still be read, one behind the other: offsets `[first,
    upto)` are theirs, `plain` of which were metrics for certain; `end` is the byte behind them."""

    upto: int
    plain: int
    end: int


Tail: TypeAlias = Literal["clean", "torn", "rotten"]


class Survey(msgspec.Struct, frozen=True):
    """What a segment holds from byte to byte. `runs` ascend and do not overlap.

    `written_end` is where the last byte stands that is not zero; `tail` says what is behind the last run,
    where `heads` are. `retired_before` and `lost` are the furthest that its events tell of.
    """

    runs: tuple[Run, ...]
    heads_before: tuple[Heads, ...]
    """For each run, what stands right before it."""
    snapshot: State | None
    tail: Tail
    tail_at: int
    heads: Heads
    written_end: int
    whats: tuple[str, ...]
    ordered: bool
    """Every record stands where it belongs."""
    retired_before: int
    lost: tuple[LostRange, ...]
    strange: int
    """Whole records whose events this version of Forebay cannot read."""
    unreadable: int
    """Bytes that the disk did not give."""


def survey(file: PatientFile, source: Source, limit: int | None, *, newest: bool, alone: bool) -> Survey:
    """What the file `source` holds of offsets before `limit`, where the next segment begins."""
    surveyor = _Surveyor(file, source)
    tally = Tally()
    if source.salt is None:
        end = written_end(file, 0)
        return surveyor.result(None, end, limit)
    header, ending = source.header(), None
    # Where nobody is writing, whole records behind what looks like an unfinished write are worth keeping.
    for step in walk(file, header, newest=newest and not alone, skimmed=tally):
        surveyor.skimmed(tally)
        match step:
            case Damage():
                surveyor.damage(step)
            case End(place=place) if newest and alone:
                ending = End(place, ending_at(file, place, source.salt, newest=True))
            case End():
                ending = step
            case _:
                surveyor.record(step)
    assert ending is not None
    return surveyor.result(ending, written_end(file, ending.place.position), limit)


class _Surveyor:
    """Takes the steps of a walk, in order."""

    def __init__(self, file: PatientFile, source: Source) -> None:
        self._file = file
        self._source = source
        self._salt = source.salt or 0
        self._runs: list[Run] = []
        self._whats: list[str] = []
        self._open = self._begin(SEGMENT_HEADER_SIZE, source.first)
        self._records = 0
        self._metrics: int | None = 0
        self._ordered = True
        self._snapshot: State | None = None
        self._retired_before = 0
        self._lost: list[LostRange] = []
        self._strange = 0

    def _begin(self, position: int, first: int) -> Run:
        header = read_header(self._file.read(position, RECORD_HEADER_SIZE), 0, self._salt)
        chain, time = (0, 0) if header is None else (header.chain, header.time)
        return Run(position, position, first, first, chain, chain, time, 0, 0)

    def _close(self, end: int, upto: int, check: int) -> None:
        if end > self._open.position:
            done = replace(
                self._open, end=end, upto=upto, check=check, records=self._records, metrics=self._metrics
            )
            self._runs.append(done)
        self._records, self._metrics = 0, 0

    def skimmed(self, tally: Tally) -> None:
        """Count plain records that were passed over."""
        if tally.records:
            self._records += tally.records
            self._metrics = None if self._metrics is None else self._metrics + tally.metrics
            tally.clear()

    def record(self, record: Record) -> None:
        """Take down what is in a record that is more than plain metrics."""
        self._records += 1
        try:
            events = list(offsets_of(record.events(), record.base))
        except UnknownEventError:
            self._strange += 1
            self._metrics = None
            return
        for offset, event in events:
            match event:
                case MetricsAccepted(metrics=metrics):
                    self._metrics = None if self._metrics is None else self._metrics + len(metrics)
                case Snapshot(state=state):
                    # Wherever it stands: bytes may have come or gone before it.
                    if offset == self._source.first:
                        self._snapshot = state
                    self._retired_before = max(self._retired_before, state.retired_before)
                    self._lost += state.lost
                case OffsetsLost():
                    end = offset + event.count
                    self._lost.append(LostRange(offset, type(offset)(end), event.metrics, event.exact))
                    self._metrics = None if self._metrics is None else self._metrics + event.metrics
                case SegmentsRetired(begins_at=begins_at):
                    self._retired_before = max(self._retired_before, begins_at)
                case _:
                    pass

    def damage(self, damage: Damage) -> None:
        """End a run, and begin the next behind it."""
        self._close(damage.position, damage.first, damage.chain)
        if damage.whole:
            self._ordered = False
            self._whats.append(f"byte {damage.position}: {damage.what}")
        else:
            self._whats.append(f"bytes {damage.position} to {damage.end - 1}: {damage.what}")
        self._open = self._begin(damage.end, damage.upto)

    def result(self, ending: End | None, end_of_bytes: int, limit: int | None) -> Survey:
        """The survey, once all is walked through."""
        tail: Tail = "rotten" if end_of_bytes else "clean"
        tail_at = SEGMENT_HEADER_SIZE
        if ending is not None:
            place = ending.place
            self._close(place.position, place.next_offset, place.chain)
            tail_at = place.position
            tail = "clean" if isinstance(ending.ending, Clean) else "rotten"
            tail = "torn" if isinstance(ending.ending, Torn) else tail
        runs = tuple(arranged(self._file, self._salt, self._runs, self._source.first, limit))
        due = runs[-1].upto if runs else self._source.first
        return Survey(
            runs,
            tuple(self._heads_before(runs)),
            self._snapshot,
            tail,
            tail_at,
            heads_at(self._file, self._salt, tail_at, due, runs[-1].check if runs else None, limit),
            end_of_bytes,
            tuple(self._whats),
            self._ordered,
            self._retired_before,
            tuple(dict.fromkeys(self._lost)),
            self._strange,
            len(self._file.unreadable) * 4096,
        )

    def _heads_before(self, runs: Sequence[Run]) -> Iterator[Heads]:
        position, due, chain = SEGMENT_HEADER_SIZE, self._source.first, None
        for run in runs:
            if run.first > due:
                yield heads_at(self._file, self._salt, position, due, chain, run.first)
            else:
                yield Heads(due, 0, position)
            position, due, chain = run.end, run.upto, run.check


def heads_at(
    file: PatientFile, salt: int, position: int, due: int, chain: int | None, limit: int | None
) -> Heads:
    """What can be told of damaged records from `position` on, the first of which is of offset `due`, and the
    last before `limit`."""
    upto, plain = due, 0
    while (header := read_header(file.read(position, RECORD_HEADER_SIZE), 0, salt)) is not None:
        follows = header.base == upto and chain in (None, header.chain)
        if not follows or (limit is not None and upto + header.count > limit):
            break
        upto += header.count
        plain += header.count if header.flags & PLAIN_BIT else 0
        position, chain = position + header.size, header.check
    return Heads(upto, plain, position)


def arranged(file: PatientFile, salt: int, runs: list[Run], first: int, limit: int | None) -> Iterator[Run]:
    """`runs` in the order of their offsets, those that others hold already left out."""
    due = first
    for run in sorted(runs, key=lambda each: (each.first, -each.upto)):
        whole: Run | None = run
        if run.first < due or (limit is not None and run.upto > limit):
            whole = part_of(file, salt, run, due, limit)
        if whole is not None:
            yield whole
            due = whole.upto


def part_of(file: PatientFile, salt: int, run: Run, since: int, until: int | None) -> Run | None:
    """The records of `run` from offset `since` on, up to `until`; None where there are none."""
    found: Run | None = None
    for record in records_of(file, salt, run):
        if record.base < since or (until is not None and record.next_offset > until):
            continue
        if found is None:
            found = Run(
                record.position, record.position, record.base, record.base, record.chain, 0, record.time, 0, 0
            )
        held = _metrics_in(record)
        found = replace(
            found,
            end=record.position + record.size,
            upto=record.next_offset,
            check=record.check,
            records=found.records + 1,
            metrics=None if held is None or found.metrics is None else found.metrics + held,
        )
    return found


def _metrics_in(record: Record) -> int | None:
    if record.plain:
        return record.count
    try:
        events = record.events()
    except UnknownEventError:
        return None
    lost = sum(event.metrics for event in events if isinstance(event, OffsetsLost))
    return lost + sum(len(event.metrics) for event in events if isinstance(event, MetricsAccepted))


def records_of(file: PatientFile, salt: int, run: Run) -> Iterator[Record]:
    """The records of `run`, one by one. Memory is bounded by the largest."""
    position, buffer, begin = run.position, b"", run.position
    while position < run.end:
        record = read_record(buffer, position - begin, salt)
        if record is None:
            begin, want = position, CHUNK
            header = read_header(file.read(position, RECORD_HEADER_SIZE), 0, salt)
            if header is not None:
                want = max(want, header.size)
            buffer = file.read(begin, want)
            record = read_record(buffer, 0, salt)
        if record is None:
            # It was whole a moment ago: the disk gives other bytes now.
            return
        yield replace(record, position=position)
        position += record.size
