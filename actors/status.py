"""How the system is, put together for people and for the edge: `web.ports.Status`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from actors import __version__
from actors.kernel import ActorInfo
from actors.persistence import StoreProgress
from journal.log import Journal
from journal.metric import Nanoseconds
from web.ports import (
    ActorStatus,
    DeadLetterStatus,
    JournalStatus,
    StatusReport,
)


class StatusPort:
    """See web.ports.Status. `stopping` becomes True when shutdown begins."""

    def __init__(
        self,
        journal: Journal,
        progress: Mapping[str, StoreProgress],
        tree: Callable[[], ActorInfo],
        started_at: Nanoseconds,
    ) -> None:
        self._journal = journal
        self._progress = progress
        self._tree = tree
        self._started_at = started_at
        self.stopping = False

    def report(self) -> StatusReport:
        """See web.ports.Status. The sums are those of the first store."""
        journal, state = self._journal, self._journal.state
        stores = [progress.status(state.accepted) for progress in self._progress.values()]
        return StatusReport(
            journal=JournalStatus(
                id=str(journal.id),
                first_offset=journal.first_offset,
                next_offset=journal.next_offset,
                segments=len(journal.segments),
                bytes=journal.size,
                free_bytes=journal.free_bytes(),
                durability=journal.options.durability,
                state=journal.condition,
            ),
            stores=stores,
            dead_letters=DeadLetterStatus(pending=0),
            actors=_actor_status(self._tree()),
            accepted=state.accepted,
            persisted=stores[0].persisted,
            dead_lettered=0,
            pending=stores[0].lag,
            version=__version__,
            started_at=self._started_at,
        )

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
