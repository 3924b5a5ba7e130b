"""What one segment holds, gathered while it is walked through: counts, times, the fold, findings. Pure."""

from __future__ import annotations

from journal.events import Event, MetricsAccepted, Snapshot, UnknownEventError, is_plain, offsets_of, width
from journal.framing import SEGMENT_HEADER_SIZE, Clean, Record, Rotten, SegmentHeader, Torn
from journal.inspect.findings import Condition, Finding
from journal.inspect.holding import by_events, by_metrics
from journal.inspect.lost import given_up
from journal.inspect.skim import Tally
from journal.inspect.walk import Damage, End
from journal.metric import Nanoseconds
from journal.replay import evolve_all, evolve_plain
from journal.state import State


class Reading:
    """Takes the steps of a walk, in order.

    `snapshot` is what the segment begins with, the fold of all before it, None where it cannot be read;
    `state` is the fold up to here, None where a damage has hidden a part of it.
    """

    def __init__(self, name: str, header: SegmentHeader, *, decode: bool) -> None:
        self.findings: list[Finding] = []
        self.skimmed = Tally(holds=by_metrics if decode else by_events)
        self.snapshot: State | None = None
        self.state: State | None = None
        self.records = 0
        self.metrics = 0
        self.first_time: Nanoseconds | None = None
        self.last_time: Nanoseconds | None = None
        self.next_offset: int = header.first_offset
        self.used = SEGMENT_HEADER_SIZE
        self._name = name
        self._begun = False

    def record(self, record: Record) -> None:
        """Decode and fold a record."""
        self._take_skimmed()
        self.records += 1
        self.used, self.next_offset = record.position + record.size, record.next_offset
        self._mark(record.time)
        try:
            events = record.events()
        except UnknownEventError as error:
            self._find("event", record.position, error.offset, error.detail)
            self._begun, self.state = True, None
            return
        held = sum(map(width, events))
        if held != record.count:
            what = f"the record says {record.count} offsets and holds {held}"
            self._find("event", record.position, record.base, what)
        if record.plain and not all(map(is_plain, events)):
            self._find("event", record.position, record.base, "marked as plain metrics, and holds more")
        if not self._begun:
            self._begin(record, events)
        if self.state is not None:
            self.state = evolve_all(self.state, offsets_of(events, record.base), record.time)
        self.findings += given_up(self._name, record, events)
        self.metrics += sum(len(event.metrics) for event in events if isinstance(event, MetricsAccepted))

    def _begin(self, record: Record, events: list[Event]) -> None:
        self._begun = True
        head = events[0] if events else None
        if record.position != SEGMENT_HEADER_SIZE or not isinstance(head, Snapshot):
            self._find("record", SEGMENT_HEADER_SIZE, record.base, "the segment begins without a snapshot")
            return
        self.snapshot = head.state
        self.state = State()

    def damage(self, damage: Damage) -> None:
        """Take down what is lost, and that the fold is not known from here on."""
        self._take_skimmed()
        self._begun, self.state = True, None
        self.findings.append(damage.finding(self._name))

    def end(self, end: End, *, newest: bool, written: bool) -> None:
        """Take down how the segment ends; `written` is whether a process may be writing to it now."""
        self._take_skimmed()
        position, offset = end.place.position, end.place.next_offset
        self.used, self.next_offset = position, offset
        match end.ending:
            case Torn(reason=reason) if newest and not self._begun:
                # Header and snapshot are synced before a segment gets its name: no crash cuts into them.
                self._find("record", position, offset, reason, (offset, None))
            case Torn(end=stop, reason=reason) if newest and not written:
                self._find("torn", position, offset, f"{reason} ({stop - position} bytes)")
            case Rotten(reason=reason) if newest:
                self._find("record", position, offset, reason, (offset, None))
            case Clean() if not self._begun:
                self._find("record", position, offset, "the segment begins without a snapshot")
            case _:
                # Where a sealed segment ends too early, the next one says what is missing.
                pass

    def unreadable(self, error: OSError, byte: int, until: int | None) -> None:
        """Take down that the disk gave an error while reading at `byte`."""
        self._take_skimmed()
        self.state = None
        what = f"cannot be read: {error.strerror or error}"
        self._find("unreadable", byte, self.next_offset, what, (self.next_offset, until))

    def _take_skimmed(self) -> None:
        tally = self.skimmed
        if not tally.records:
            return
        if not self._begun:
            self._begun = True
            what = "the segment begins without a snapshot"
            self._find("record", SEGMENT_HEADER_SIZE, self.next_offset, what)
        self.records += tally.records
        self.metrics += tally.metrics
        self._mark(tally.first_time)
        self._mark(tally.last_time)
        if self.state is not None:
            self.state = evolve_plain(self.state, tally.metrics)
        tally.clear()

    def _mark(self, time: Nanoseconds) -> None:
        if self.first_time is None:
            self.first_time = time
        self.last_time = time

    def _find(
        self,
        condition: Condition,
        byte: int,
        offset: int,
        what: str,
        lost: tuple[int, int | None] | None = None,
    ) -> None:
        self.findings.append(Finding(condition, self._name, byte, offset, what, lost))
