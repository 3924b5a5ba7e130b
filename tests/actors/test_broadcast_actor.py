"""The broadcast actor alone, in virtual time."""

from __future__ import annotations

import random
from typing import Any

from actors.broadcast import BroadcastActor, Subscribers
from actors.kernel.actor import Context
from actors.kernel.mailbox import Mailbox
from actors.messages import Arrived
from journal.metric import Metric, Offset
from tests.actors.kernel.virtual_clock import VirtualClock
from tests.web.memory import MemoryStatus
from web.ports import Volley


class Listener:
    """Keeps which offsets it is told of."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []

    def offer(self, volley: Volley) -> None:
        self.ranges += [(frame.first_offset, frame.last_offset) for frame in volley.frames]


def arrived(offset: int) -> Arrived:
    return Arrived(offset, Offset(offset), Offset(offset + 1), 1, [Metric("m", float(offset))])


async def test_frames_go_on_after_the_word_that_they_are_due_was_dropped() -> None:
    """A full mailbox drops its oldest, whatever that is: the metrics in it are a gap, and frames go on."""
    subscribers, listener, clock = Subscribers(Offset(0)), Listener(), VirtualClock()
    mailbox: Mailbox[Any] = Mailbox("broadcast", 4, "drop-oldest")
    actor = BroadcastActor(subscribers, MemoryStatus(), frames_per_second=10)
    actor.context = Context(mailbox, {}, clock, random.Random(1), lambda: None)

    async def tell(*messages: Arrived) -> None:
        for message in messages:
            mailbox.put(message)
        await actor.receive(mailbox.take(100))
        mailbox.settle()

    with subscribers.including(listener):
        await tell(arrived(0))
        await tell(arrived(1))
        await clock.advance(0.1)
        assert mailbox.depth == 1, "frames are due"
        await tell(*map(arrived, range(2, 8)))
        assert mailbox.dropped
        await clock.advance(0.1)
        await tell(arrived(8))
    assert listener.ranges == [(0, 0), (1, 1), (2, 3), (4, 7), (8, 8)]
