"""Group commit: one thread that takes whatever has gathered, makes one record of it, writes and syncs it.

It takes the next batch the moment the last one is on the disk, without waiting for the event loop, so a
slow disk is never idle while somebody waits for it. Offsets, chain and state move only when a write has
succeeded: a failed one leaves no trace.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec.structs import replace

from journal.disk import is_full
from journal.events import (
    Appendable,
    Durability,
    encoder,
    is_metrics,
    is_plain,
    offsets_of,
    width,
)
from journal.framing import MAX_PAYLOAD, RECORD_HEADER_SIZE, Place, Sealing, record_size, seal
from journal.metric import Nanoseconds
from journal.recovery import new_segment
from journal.replay import evolve_all, evolve_plain
from journal.segment import DEFAULT_BYTES, SegmentInfo, bytes_behind, fits_reserve, must_roll
from journal.state import State
from journal.writer import Roll, SegmentWriter, Write

MAX_COMMIT_OFFSETS: Final = 16_384
"""At most so many offsets gather into one record (1 to 2 MB), unless one append alone has more."""


class Options(msgspec.Struct, frozen=True):
    """How a journal is kept; `segment_bytes` between segment.MIN_BYTES and MAX_BYTES."""

    segment_bytes: int = DEFAULT_BYTES
    durability: Durability = "fsync"
    max_commit_offsets: int = MAX_COMMIT_OFFSETS
    version: str = ""


class JournalFullError(Exception):
    """There is no room for more; what is in the journal is safe, and room is looked for every second."""

    def __init__(self, directory: str) -> None:
        super().__init__(f"{directory}: no room left on the disk; make room there, then it goes on by itself")


class JournalFailedError(Exception):
    """The disk would not take what was appended; nothing of it counts."""

    def __init__(self, directory: str, cause: BaseException) -> None:
        super().__init__(f"{directory}: cannot be written ({cause}); look at the disk and the system's log")


class RecordTooLargeError(JournalFailedError):
    """What was appended as one is more than a record can be read back with; nothing of it counts."""

    def __init__(self, directory: str, size: int) -> None:
        Exception.__init__(
            self, f"{directory}: {size} bytes in one append, of {MAX_PAYLOAD} at most; append less at a time"
        )


class Append(msgspec.Struct, frozen=True, gc=False):
    """Events that wait for their commit, `width` offsets of them; `done` is handed back, untouched.

    `control`: it has no metrics, and so may use the reserve of a full disk. `plain`: it has nothing else.
    """

    events: Sequence[Appendable]
    width: int
    control: bool
    plain: bool
    done: Any


def to_append(events: Sequence[Appendable], done: Any) -> Append:
    """`events` as an Append."""
    control = not any(map(is_metrics, events))
    return Append(events, sum(map(width, events)), control, all(map(is_plain, events)), done)


class Tail(msgspec.Struct, frozen=True):
    """Where the journal ends: the newest segment and its salt, the next record's place, the state there.

    The segment may have `room` bytes, or the usual number if that is more.
    """

    segment: SegmentInfo
    salt: int
    place: Place
    state: State
    room: int = 0


class Committed(msgspec.Struct, frozen=True):
    """`appends` are in the journal, one after the other from offset `base`; it now ends at `tail`."""

    appends: list[Append]
    base: int
    time: Nanoseconds
    tail: Tail


class Refused(msgspec.Struct, frozen=True):
    """Nothing of `appends` is in the journal."""

    appends: list[Append]
    error: Exception


class Synced(msgspec.Struct, frozen=True):
    """An asked-for sync has ended, with an error or without."""

    done: Any
    error: Exception | None


Outcome: TypeAlias = Committed | Refused | Synced


class Committer:
    """The committing thread. `report` is called on it, with each outcome in order; it must not raise."""

    def __init__(
        self,
        directory: str,
        journal_id: UUID,
        writer: SegmentWriter,
        tail: Tail,
        *,
        options: Options,
        now: Callable[[], Nanoseconds],
        report: Callable[[Outcome], None],
    ) -> None:
        self._directory = directory
        self._id = journal_id
        self._writer = writer
        self._tail = tail
        self._options = options
        self._now = now
        self._report = report
        self._gathered: SimpleQueue[Append | Synced | None] = SimpleQueue()
        self._set_aside: deque[Append | Synced | None] = deque()
        self.full = False
        """The disk has no room for another segment. Set and cleared from either side."""
        self._cramped = False
        """The segment was not made ahead and cannot grow: the next spare is to go on in."""
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def append(self, append: Append) -> None:
        """Commit `append` with what else has gathered. Never waits."""
        self._gathered.put(append)

    def sync(self, done: Any) -> None:
        """Sync after what was appended so far. Never waits."""
        self._gathered.put(Synced(done, None))

    def stop(self) -> None:
        """Return once all that was asked for is done and the thread has ended. Blocks."""
        self._gathered.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            if isinstance(item, Append):
                batch = self._batch(item)
                try:
                    outcome: Outcome = self._commit(batch)
                except Exception as error:  # noqa: BLE001 - handed to those who wait
                    outcome = Refused(batch, self._explain(error))
            else:
                try:
                    self._writer.sync()
                    outcome = item
                except Exception as error:  # noqa: BLE001 - as above
                    outcome = Synced(item.done, self._explain(error))
            self._report(outcome)

    def _next(self) -> Append | Synced | None:
        return self._set_aside.popleft() if self._set_aside else self._gathered.get()

    def _batch(self, first: Append) -> list[Append]:
        """`first` and what may share its record: of one kind each while there is no room for metrics."""
        batch, total = [first], first.width
        while total < self._options.max_commit_offsets:
            try:
                item = self._gathered.get_nowait()
            except Empty:
                break
            shares = (
                isinstance(item, Append)
                and total + item.width <= self._options.max_commit_offsets
                and not (self.full and item.control != first.control)
            )
            if not shares or not isinstance(item, Append):
                self._set_aside.append(item)
                break
            batch.append(item)
            total += item.width
        return batch

    def _commit(self, batch: list[Append]) -> Committed:
        now = self._now()
        buffer = self._encoded(batch)
        size = record_size(len(buffer) - RECORD_HEADER_SIZE)
        self._make_room(size, now, control=all(each.control for each in batch))
        tail = self._tail
        place = tail.place
        count = sum(append.width for append in batch)
        unsynced = place.position - self._writer.synced
        plain = all(append.plain for append in batch)
        sealing = Sealing(place.next_offset, count, now, plain, unsynced, place.chain)
        check = seal(buffer, sealing, tail.salt)
        sync = self._options.durability == "fsync"
        try:
            self._writer.perform(Write(place.position, buffer, tail.salt, sync))
        except OSError as error:
            self._cramped = is_full(error)
            raise
        state, offset = tail.state, place.next_offset
        for append in batch:
            if append.plain:
                state = evolve_plain(state, append.width)
            else:
                state = evolve_all(state, offsets_of(append.events, offset), now)
            offset += append.width
        after = Place(place.position + len(buffer), place.next_offset + count, check)
        self._tail = replace(tail, place=after, state=state)
        return Committed(batch, place.next_offset, now, self._tail)

    def _encoded(self, batch: list[Append]) -> bytearray:
        """Room for a header, and the events of `batch`; what makes it too large a record is taken out of it,
        and has its turn next. Raises RecordTooLargeError for a single append."""
        while True:
            events = [event for append in batch for event in append.events]
            buffer = bytearray(RECORD_HEADER_SIZE)
            encoder.encode_into(events, buffer, RECORD_HEADER_SIZE)
            length = len(buffer) - RECORD_HEADER_SIZE
            if length <= MAX_PAYLOAD:
                return buffer
            if len(batch) == 1:
                raise RecordTooLargeError(self._directory, length)
            half = len(batch) // 2
            self._set_aside.extendleft(reversed(batch[half:]))
            del batch[half:]

    def _make_room(self, size: int, now: Nanoseconds, *, control: bool) -> None:
        """Roll if a record of `size` bytes needs it. Raises JournalFullError where there is no room."""
        tail, limit = self._tail, self._options.segment_bytes
        if self.full:
            if self._writer.must_roll or not fits_reserve(tail.place.position, size, limit, control=control):
                raise JournalFullError(self._directory)
            return
        fresh = tail.place.next_offset == tail.segment.first_offset + 1
        room = max(limit, tail.room)
        needed = must_roll(tail.place.position, size, room, fresh=fresh) or (self._cramped and not fresh)
        if not (self._writer.must_roll or needed):
            return
        begun = new_segment(self._id, tail.place, tail.segment.first_offset, tail.state, now)
        info = SegmentInfo(begun.header.first_offset, limit, now)
        self._writer.roll(Roll(info.name, begun.head))
        # The new segment is there even if the write that asked for it then fails.
        room = bytes_behind(len(begun.head), limit)
        self._tail = Tail(info, begun.header.salt, begun.place, begun.state, room)
        self._cramped = False

    def _explain(self, error: Exception) -> Exception:
        if isinstance(error, (JournalFullError, RecordTooLargeError)):
            return error
        if isinstance(error, OSError) and is_full(error):
            self.full = True
            return JournalFullError(self._directory)
        return JournalFailedError(self._directory, error)
