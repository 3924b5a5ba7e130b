"""The keeper of the journal: makes the next segment ahead, syncs by the clock, deletes what is done with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from actors.core.retention import KeepWindow, retired
from actors.kernel import Actor
from actors.messages import KeeperMessage, PrepareSegment, RetireSegments, SyncJournal
from journal.committer import JournalFailedError, JournalFullError
from journal.log import Journal
from journal.metric import Nanoseconds, Offset

LOOK_FOR_ROOM_EVERY = 1.0
RETIRE_EVERY = 5.0

log = structlog.get_logger("journal")


class KeeperActor(Actor[KeeperMessage]):
    """Keeps `window()` of history; `cursors()` says how far each store is. `sync_interval` is seconds, None
    where nothing is synced by the clock."""

    def __init__(
        self,
        journal: Journal,
        *,
        window: Callable[[], KeepWindow],
        cursors: Callable[[], list[Offset]],
        sync_interval: float | None,
        now: Callable[[], Nanoseconds],
    ) -> None:
        self._journal = journal
        self._window = window
        self._cursors = cursors
        self._sync_interval = sync_interval
        self._now = now
        self._segments = 0
        self._condition = journal.condition
        self._end_watch: Callable[[], None] | None = None

    async def started(self) -> None:
        """See Actor."""
        self._end_watch = self._journal.watch(self._committed)
        self.context.every(LOOK_FOR_ROOM_EVERY, PrepareSegment())
        self.context.every(RETIRE_EVERY, RetireSegments())
        if self._sync_interval is not None:
            self.context.every(self._sync_interval, SyncJournal())

    async def stopped(self) -> None:
        """See Actor."""
        if self._end_watch is not None:
            self._end_watch()

    def _committed(self) -> None:
        if len(self._journal.segments) != self._segments:
            # A roll took the spare: have another before the next.
            self._segments = len(self._journal.segments)
            self.context.self_ref.try_tell(PrepareSegment())

    async def receive(self, messages: Sequence[KeeperMessage]) -> None:
        """See Actor."""
        for command in dict.fromkeys(messages):
            try:
                match command:
                    case SyncJournal():
                        await self._journal.sync()
                    case RetireSegments():
                        await self._retire()
                    case PrepareSegment():
                        if self._journal.condition == "failed":
                            # Told that we are not ready, nobody may post: see here whether it is over.
                            await self._journal.sync()
                        await self._journal.prepare()
            except (JournalFailedError, JournalFullError) as error:
                log.error("the journal's disk says no", error=str(error))
        self._tell_condition()

    async def _retire(self) -> None:
        gone = retired(
            self._journal.segments,
            self._cursors(),
            self._window(),
            self._now(),
            disk_full=self._journal.condition == "full",
        )
        if gone:
            freed = await self._journal.retire(gone)
            log.info("segments retired", segments=len(gone), freed_bytes=freed)

    def _tell_condition(self) -> None:
        condition = self._journal.condition
        if condition == self._condition:
            return
        self._condition = condition
        match condition:
            case "full":
                log.error(
                    "the disk is full: new metrics are refused, those accepted are safe",
                    directory=self._journal.directory,
                    free_bytes=self._journal.free_bytes(),
                )
            case "failed":
                log.error("the journal cannot be written: new metrics are refused")
            case "writable":
                log.info("the journal takes metrics again")
