"""Journal: append, roll, retire, as the event loop sees it. The edge of this layer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, assert_never
from uuid import UUID

import msgspec

from journal.committer import (
    Committed,
    Committer,
    JournalFailedError,
    JournalFullError,
    Options,
    Outcome,
    RecordTooLargeError,
    Refused,
    Synced,
    Tail,
    to_append,
)
from journal.disk import FileSystem, OsFileSystem, is_full, yield_to_others
from journal.events import Appendable, JournalClosed, JournalOpened, SegmentsRetired
from journal.metric import Nanoseconds, Offset
from journal.recovery import Recovered, recover
from journal.segment import SegmentInfo, room_for_another
from journal.state import State
from journal.writer import SegmentWriter


class JournalClosedError(Exception):
    """The journal is closed, or closing."""

    def __init__(self, directory: str) -> None:
        super().__init__(f"{directory}: the journal is closed")


class Appended(msgspec.Struct, frozen=True, gc=False):
    """Events are in the journal, as durable as its durability says, from `first_offset` on."""

    first_offset: Offset
    time: Nanoseconds


class Frontier(msgspec.Struct, frozen=True, gc=False):
    """How far a reader may read: up to `byte` of the segment that begins at `segment`."""

    segment: Offset
    byte: int
    next_offset: Offset


class Journal:
    """A journal open for writing. All methods belong to the event loop that opened it."""

    def __init__(
        self,
        directory: str,
        recovered: Recovered,
        *,
        fs: FileSystem,
        now: Callable[[], Nanoseconds],
        options: Options,
    ) -> None:
        self.directory = directory
        self.id: UUID = recovered.header.journal_id
        self.recovered = recovered
        self.options = options
        self.segments: list[SegmentInfo] = list(recovered.segments)
        self._fs = fs
        self._loop = asyncio.get_running_loop()
        salt, place = recovered.header.salt, recovered.place
        self._tail = Tail(self.segments[-1], salt, place, recovered.state)
        self._writer = SegmentWriter(fs, directory, self.segments[-1].name, place.position, salt)
        self._committer = Committer(
            directory,
            self.id,
            self._writer,
            self._tail,
            options=options,
            now=now,
            report=self._report,
        )
        # Writing zeroes costs as much as writing metrics: it must not take the processor from them. A roll
        # that comes before its spare is ready goes into a file that grows, which is slower to sync.
        self._ahead = ThreadPoolExecutor(1, "journal-ahead", initializer=yield_to_others)
        self._uncommitted = 0
        self._waiting_since = 0.0
        self._waited = 0.0
        self._closing = False
        self._failed = False
        self._preparing = False
        self._watchers: list[Callable[[], None]] = []

    @classmethod
    async def open(
        cls,
        directory: str,
        *,
        options: Options | None = None,
        fs: FileSystem | None = None,
        now: Callable[[], Nanoseconds] = time.time_ns,
        admit: Callable[[Recovered], Awaitable[None]] | None = None,
    ) -> Journal:
        """Recover the journal in `directory`, or make it, and write down that it was opened.

        `admit` is told what was recovered before any offset is given; what it raises keeps the journal
        closed. The caller holds the directory's lock. Raises JournalCorruptError,
        UnknownEventError, OSError.
        """
        fs, options = fs or OsFileSystem(), options or Options()
        recovered = await asyncio.to_thread(recover, fs, directory, now(), options.segment_bytes)
        if admit is not None:
            await admit(recovered)
        journal = cls(directory, recovered, fs=fs, now=now, options=options)
        torn = recovered.torn
        opened = JournalOpened(os.getpid(), options.version, torn.end - torn.position if torn else 0)
        try:
            await journal.append([opened])
        except JournalFullError:
            # Still worth opening: what is in it can be brought to the stores.
            pass
        except BaseException:
            await journal.close()
            raise
        return journal

    @property
    def first_offset(self) -> Offset:
        """The oldest offset that can still be read."""
        return self.segments[0].first_offset

    @property
    def next_offset(self) -> Offset:
        """The offset that the next event will have; everything before it is committed."""
        return Offset(self._tail.place.next_offset)

    @property
    def state(self) -> State:
        """The fold of everything committed."""
        return self._tail.state

    @property
    def frontier(self) -> Frontier:
        """How far readers in this process may read."""
        return Frontier(self._tail.segment.first_offset, self._tail.place.position, self.next_offset)

    @property
    def size(self) -> int:
        """Bytes on the disk, spare not counted."""
        return sum(segment.size for segment in self.segments)

    @property
    def condition(self) -> Literal["writable", "full", "failed"]:
        """Whether metrics can be appended now."""
        return "failed" if self._failed else "full" if self._committer.full else "writable"

    @property
    def seconds_waited(self) -> float:
        """For how long, since it was opened, there was at least one append that waited for its commit."""
        return self._waited + (time.monotonic() - self._waiting_since if self._uncommitted else 0.0)

    @property
    def used(self) -> int:
        """Bytes that are written, in all segments: what `size` is without the zeroes ahead."""
        return self.size - self.segments[-1].size + self.frontier.byte

    def free_bytes(self) -> int:
        """Room left on the journal's disk."""
        return self._fs.free_bytes(self.directory)

    def watch(self, committed: Callable[[], None]) -> Callable[[], None]:
        """Call `committed` after each commit, on the loop; it must not block. Returns what ends it."""
        self._watchers.append(committed)
        return lambda: self._watchers.remove(committed)

    def append(self, events: Sequence[Appendable]) -> asyncio.Future[Appended]:
        """Append `events`, not empty, as one: all or none of them are in the journal after a crash.

        The future is done when they are as durable as `options.durability` says. It raises
        JournalFullError or JournalFailedError, and then nothing of them counts. Cancelling it does not
        take them back. Raises JournalClosedError at once.
        """
        if self._closing:
            raise JournalClosedError(self.directory)
        return self._append(events)

    def _append(self, events: Sequence[Appendable]) -> asyncio.Future[Appended]:
        done: asyncio.Future[Appended] = self._loop.create_future()
        if not self._uncommitted:
            self._waiting_since = time.monotonic()
        self._uncommitted += 1
        self._committer.append(to_append(events, done))
        return done

    def _settled(self, appends: int) -> None:
        self._uncommitted -= appends
        if not self._uncommitted:
            self._waited += time.monotonic() - self._waiting_since

    def _report(self, outcome: Outcome) -> None:
        # The loop may be gone when a process is torn down; then nobody waits either.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._take, outcome)

    def _take(self, outcome: Outcome) -> None:
        match outcome:
            case Committed(appends=appends):
                self._settled(len(appends))
                self._advance(outcome)
            case Refused(appends=appends, error=error):
                self._settled(len(appends))
                self._failed = isinstance(error, JournalFailedError) and not isinstance(
                    error, RecordTooLargeError
                )
                for append in appends:
                    if not append.done.done():
                        append.done.set_exception(error)
            case Synced(done=done, error=error):
                self._failed = isinstance(error, JournalFailedError)
                if not done.done():
                    if error is None:
                        done.set_result(None)
                    else:
                        done.set_exception(error)
            case _:
                assert_never(outcome)

    def _advance(self, committed: Committed) -> None:
        self._failed = False
        self._tail = committed.tail
        if self.segments[-1].first_offset != committed.tail.segment.first_offset:
            self.segments.append(committed.tail.segment)
        offset = committed.base
        for append in committed.appends:
            if not append.done.done():
                append.done.set_result(Appended(Offset(offset), committed.time))
            offset += append.width
        for watcher in self._watchers:
            watcher()

    async def sync(self) -> None:
        """Make all that was appended last; for `durability = interval`, called once an interval."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._committer.sync(done)
        await done

    async def prepare(self) -> None:
        """Make the next segment ahead, if there is none yet; called every second.

        This is also what notices that a full disk has room again: a journal that was full stays so until
        something has really been written. Raises JournalFailedError.
        """
        if self._preparing or self._closing:
            return
        self._preparing = True
        try:
            make_ahead = self._loop.run_in_executor
            if not await make_ahead(self._ahead, self._writer.has_spare):
                if not await make_ahead(self._ahead, self._has_room):
                    self._committer.full = True
                    return
                await make_ahead(self._ahead, self._writer.make_spare, self.options.segment_bytes)
            elif self._committer.full:
                await make_ahead(self._ahead, self._writer.try_spare)
            if self._committer.full and not self._closing:
                # The committer wipes what the write that failed has left, or the next one would fail at it.
                await self.sync()
            self._committer.full = False
        except JournalFullError:
            pass
        except OSError as error:
            if not is_full(error):
                raise JournalFailedError(self.directory, error) from error
            self._committer.full = True
        finally:
            self._preparing = False

    def _has_room(self) -> bool:
        return self._writer.has_recycled() or self.free_bytes() >= room_for_another(
            self.options.segment_bytes
        )

    async def retire(self, first_offsets: Sequence[Offset]) -> int:
        """Delete the segments that begin at `first_offsets`, the oldest of the journal, never the newest.

        The intent is journaled first, so that a power cut in between leaves no hole. Returns the bytes
        given back, 0 where `first_offsets` are not the oldest.
        """
        wanted = set(first_offsets)
        retired = [segment for segment in self.segments[:-1] if segment.first_offset in wanted]
        if not retired or retired != self.segments[: len(retired)]:
            return 0
        freed = sum(segment.size for segment in retired)
        begins_at = self.segments[len(retired)].first_offset
        # Out of the list at once: nobody is to retire them a second time meanwhile.
        del self.segments[: len(retired)]
        try:
            await self.append([SegmentsRetired([each.first_offset for each in retired], begins_at, freed)])
            # With other durabilities than fsync the intent is on the disk only now.
            await self.sync()
        except BaseException:
            self.segments[:0] = retired
            raise
        await asyncio.to_thread(self._writer.retire, [each.name for each in retired])
        return freed

    async def close(self) -> None:
        """Write down that the journal was closed in good order, sync, and end the thread.

        What was appended before is committed first. A disk that says no is no reason not to close.
        """
        if self._closing:
            return
        self._closing = True
        with contextlib.suppress(JournalFullError, JournalFailedError):
            await self._append([JournalClosed(os.getpid())])
        with contextlib.suppress(JournalFullError, JournalFailedError):
            await self.sync()
        self._writer.leave()
        await asyncio.to_thread(self._committer.stop)
        await asyncio.to_thread(self._ahead.shutdown)
        self._writer.close()
