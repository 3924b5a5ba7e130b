"""Realtime as the composition root takes it: a child of the tree, a port of the edge, part of the status."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import structlog

from actors.broadcast import Subscribers
from actors.config import Settings
from actors.kernel import ChildSpec
from actors.persistence.breaker import StoreBreaker
from actors.realtime.broadcasts import NAME, Broadcasts
from actors.realtime.feed import RealtimeFeed
from actors.realtime.publisher import PublisherActor
from actors.realtime.tickets import Tickets
from actors.status import StatusPort
from actors.stores.supabase_key import check_key
from journal.events import BreakerMoved
from journal.state import BreakerState
from web.evaluations import Flags

TIMEOUT = 5.0
"""Seconds that one batch may take."""

THRESHOLD = 3
"""Batches in a row that were not answered until the breaker opens."""

HOLD = 10.0
"""Seconds until an open breaker lets a probe through."""

log = structlog.get_logger("realtime")


class RealtimePart:
    """Absent where `realtime` is off or the project is not configured."""

    def __init__(
        self,
        settings: Settings,
        journal_id: str,
        subscribers: Subscribers,
        flags: Flags,
        status: StatusPort,
        now: Callable[[], int],
        *,
        timeout: float = TIMEOUT,
        hold: float = HOLD,
    ) -> None:
        project = settings.supabase
        self.port: Tickets | None = None
        self.feed: RealtimeFeed | None = None
        if settings.realtime == "off" or project.url is None or project.service_role_key is None:
            return
        url, key = project.url, project.service_role_key.reveal()
        topic = f"forebay:{journal_id}"
        tickets = Tickets(project, topic, now, noticed=lambda: feed.wake())
        breaker = StoreBreaker(NAME, BreakerState(), threshold=THRESHOLD, timeout=hold, now=now, moved=_moved)
        feed = RealtimeFeed(
            topic,
            breaker,
            messages_per_second=settings.realtime_messages_per_second,
            payload_bytes=settings.realtime_payload_bytes,
            wanted=lambda: settings.realtime == "on" or tickets.held,
        )
        self.port, self.feed = tickets, feed
        status.realtime = feed.status

        def connect() -> Broadcasts:
            # With another key than the service role's, batches would be taken and dropped without a word.
            check_key(NAME, key)
            # Only who publishes pays for importing it.
            from actors.realtime.client import RealtimeClient

            return RealtimeClient(url, key, timeout)

        self._make = lambda: PublisherActor(
            feed, subscribers, flags, connect, monotonic=monotonic, stopping=lambda: status.stopping
        )

    def children(self) -> tuple[ChildSpec, ...]:
        """Its place in the tree. Its mailbox holds wake-ups alone: the newest is as good as any."""
        if self.feed is None:
            return ()
        return (ChildSpec("realtime", self._make, capacity=8, overflow="drop-oldest"),)


def _moved(event: BreakerMoved) -> None:
    # Not journaled: what a store must know after a restart, frames of the moment need not.
    log.info("breaker", state=event.state, failures=event.failures, error=event.error)
