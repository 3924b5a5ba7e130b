"""What the journal had folded to, for the edge: `web.ports.Past`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import anyio
import anyio.to_thread

from journal.inspect import Bound, Marks, Past, PastDamagedError, PastRetiredError, state_at
from journal.log import Journal
from journal.metric import Nanoseconds, Offset
from web.past import OutsideJournal, StateAnswer, StateBusy, StateReport, StateUnknown

AT_ONCE: Final = 2
"""Threads that read. Each takes the interpreter from the loop for a part of its time."""

MOST_WAITING: Final = 16
"""Who comes after so many is refused."""


class _Abandoned(Exception):
    """Ends a reading from within."""


class PastPort:
    """See web.ports.Past. Reads on threads of its own, one segment for each state that is not the present."""

    def __init__(self, journal: Journal, now: Callable[[], Nanoseconds]) -> None:
        self._journal = journal
        self._now = now
        self._threads = anyio.CapacityLimiter(AT_ONCE)
        self._asking = 0
        self._marks = Marks()

    async def state(self, offset: Offset | None, time: Nanoseconds | None) -> StateAnswer:
        """See web.ports.Past."""
        journal = self._journal
        end = journal.next_offset
        if (offset is None and time is None) or offset == end:
            return self._report(Past(journal.id, end, self._now(), journal.state, journal.first_offset))
        if offset is not None and not journal.first_offset <= offset <= end:
            return OutsideJournal(journal.first_offset, end)
        if self._asking >= AT_ONCE + MOST_WAITING:
            return StateBusy()
        self._asking += 1
        try:
            return self._report(await self._read(Bound(offset, time), end))
        except PastRetiredError as error:
            return OutsideJournal(error.first_offset, journal.next_offset)
        except PastDamagedError as error:
            return StateUnknown(str(error))
        finally:
            self._asking -= 1

    async def _read(self, point: Bound, end: Offset) -> Past:
        abandoned = threading.Event()

        def reading(_: int) -> None:
            if abandoned.is_set():
                raise _Abandoned
            # The loop may have the interpreter now, and need not wait until it is taken away from here.
            time.sleep(0)

        def read() -> Past:
            return state_at(self._journal.directory, point, end=end, reading=reading, marks=self._marks)

        try:
            return await anyio.to_thread.run_sync(read, abandon_on_cancel=True, limiter=self._threads)
        finally:
            abandoned.set()

    def _report(self, past: Past) -> StateReport:
        next_offset = self._journal.next_offset
        journal_id = str(past.journal_id)
        return StateReport(past.offset, past.time, journal_id, past.first_offset, next_offset, past.state)
