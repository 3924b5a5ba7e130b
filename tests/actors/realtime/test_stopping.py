"""The publisher on its way down, in virtual time."""

from __future__ import annotations

import asyncio

from actors.broadcast import Subscribers
from actors.kernel import ActorCrashed, ChildSpec
from actors.persistence.breaker import StoreBreaker
from actors.realtime.broadcasts import NAME
from actors.realtime.feed import RealtimeFeed
from actors.realtime.publisher import PublisherActor
from journal.metric import Offset
from journal.state import BreakerState
from tests.actors.kernel.cast import play
from tests.actors.kernel.virtual_clock import settle
from tests.web.memory_flags import MemoryFlags
from web.ports import Frame


class Slow:
    """A Realtime that answers when `answers` is set."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = asyncio.Event()

    async def send(self, batch: bytes) -> None:
        self.asked += 1
        await self.answers.wait()

    async def close(self) -> None:
        """See Broadcasts."""


async def test_what_comes_while_the_last_batch_is_under_way_hurts_nobody() -> None:
    """Its mailbox is closed by then: whoever offers a frame is not told."""
    realtime, subscribers = Slow(), Subscribers(Offset(0))
    breaker = StoreBreaker(
        NAME, BreakerState(), threshold=3, timeout=10, now=lambda: 0, moved=lambda event: None
    )
    feed = RealtimeFeed("t", breaker, messages_per_second=100, payload_bytes=10_000, wanted=lambda: True)

    def make() -> PublisherActor:
        return PublisherActor(
            feed, subscribers, MemoryFlags(), lambda: realtime, monotonic=lambda: 0.0, stopping=lambda: False
        )

    async with play(ChildSpec("realtime", make)) as stage:
        subscribers.offer(Frame("{}"))
        await settle()
        assert realtime.asked == 1
        stage.system.request_stop()

        async def goes_on() -> None:
            await settle()
            try:
                subscribers.offer(Frame("{}"))
            finally:
                realtime.answers.set()

        offering = asyncio.ensure_future(goes_on())
    await offering
    assert not stage.seen(ActorCrashed)
