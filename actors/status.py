"""How the system is, put together for people and for the edge: `web.ports.Status`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from actors import __version__
from actors.core.dead_letters import Limits, expires_at
from actors.core.growth import Growth
from actors.dead_letters.redriving import Redriving
from actors.kernel import ActorInfo
from actors.persistence import StoreProgress
from journal.log import Journal
from journal.metric import Nanoseconds
from web.health import health
from web.report import ActorStatus, DeadLetterStatus, JournalStatus, RealtimeStatus, StatusReport


class DeadLetterBook:
    """What the status tells of the dead-letter queue: `journal` is its own, None where it is switched off."""

    def __init__(self, journal: Journal | None, limits: Limits, redriving: Mapping[str, Redriving]) -> None:
        self._journal = journal
        self._limits = limits
        self._redriving = redriving

    def status(self) -> DeadLetterStatus:
        """The queue at a glance."""
        if self._journal is None:
            return DeadLetterStatus(pending=0, enabled=False)
        state = self._journal.state
        oldest = next(iter(state.dead_letters.values()), None)
        counts = state.dead_letter_counts.values()
        return DeadLetterStatus(
            pending=len(state.dead_letters),
            limit=self._limits.items,
            oldest_at=oldest.first_failed_at if oldest is not None else 0,
            expires_at=expires_at(oldest, self._limits) if oldest is not None else 0,
            redriving=sum(map(len, self._redriving.values())),
            redriven=sum(count.redriven for count in counts),
            discarded=sum(count.discarded for count in counts),
            expired=sum(count.expired for count in counts),
        )


class StatusPort:
    """See web.ports.Status. `stopping` becomes True when shutdown begins."""

    def __init__(
        self,
        journal: Journal,
        progress: Mapping[str, StoreProgress],
        tree: Callable[[], ActorInfo],
        dead_letters: DeadLetterBook,
        now: Callable[[], Nanoseconds],
    ) -> None:
        self._journal = journal
        self._dead_letters = dead_letters
        self._now = now
        self._growth = Growth()
        self._progress = progress
        self._tree = tree
        self._started_at = now()
        self.stopping = False
        self.realtime: Callable[[], RealtimeStatus] = RealtimeStatus
        """How publishing goes; off unless assigned to."""

    def report(self) -> StatusReport:
        """See web.ports.Status. The sums are those of the first store."""
        journal, state = self._journal, self._journal.state
        now, free = self._now(), journal.free_bytes()
        stores = [progress.status(state.accepted, now) for progress in self._progress.values()]
        self._growth = self._growth.seen(now, journal.used)
        report = StatusReport(
            journal=JournalStatus(
                id=str(journal.id),
                first_offset=journal.first_offset,
                next_offset=journal.next_offset,
                segments=len(journal.segments),
                bytes=journal.size,
                free_bytes=free,
                durability=journal.options.durability,
                state=journal.condition,
                full_in=self._growth.full_in(free),
            ),
            stores=stores,
            dead_letters=self._dead_letters.status(),
            actors=_actor_status(self._tree()),
            accepted=state.accepted,
            persisted=stores[0].persisted,
            dead_lettered=stores[0].dead_lettered,
            pending=stores[0].lag + stores[0].missing,
            lost=stores[0].lost,
            realtime=self.realtime(),
            version=__version__,
            started_at=self._started_at,
        )
        return replace(report, health=health(report, now))

    def not_ready(self) -> list[str]:
        """See web.ports.Status. A store that is away is no reason: the journal takes its part."""
        reasons: list[str] = []
        if self.stopping:
            reasons.append("shutting down")
        match self._journal.condition:
            case "full":
                reasons.append("the disk is full: new metrics are refused until there is room")
            case "failed":
                reasons.append("the journal cannot be written: new metrics are refused")
            case "writable":
                pass
        return reasons


def _actor_status(info: ActorInfo) -> ActorStatus:
    return ActorStatus(
        name=info.id,
        path=info.path,
        kind=info.kind,
        state=info.state,
        mailbox=info.mailbox,
        capacity=info.capacity,
        processed=info.processed,
        dropped=info.dropped,
        restarts=info.restarts,
        last_error=info.last_error,
        children=[_actor_status(child) for child in info.children],
    )
