"""The actor that publishes frames on the private channel: never a queue that grows, never in anybody's way.

Frames wait in a bounded outbox, which turns what does not fit into a gap. What could not be published becomes
a gap too, told when publishing works again: the page asks for it by offset. That the frames arrive is not
checked here: a batch by the service role is never dropped for want of permission, the key's role is checked
before the start, and each page sees by offset what it missed, which a canary of our own would not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

import msgspec
import structlog

from actors.broadcast import Subscribers
from actors.core.frames import encode_frame
from actors.kernel import Actor, ActorStopped, Timer
from actors.realtime.broadcasts import Broadcasts, TooLargeError
from actors.realtime.feed import RealtimeFeed
from actors.realtime.parcels import Parcel, body, parcels
from actors.stores.base import DeniedError, StoreError, ThrottledError
from web.evaluations import FlagFrame, Flags
from web.ports import Goodbye, Volley

BEAT = 1.0
"""Seconds between two looks at whether anybody listens and whether a probe is due."""

MAX_BODY = 4 * 1024 * 1024
"""Bytes of payloads in one request, about; the product takes 8 MB."""

LEAST_PAYLOAD = 4096
"""Below it a message that is too large is given up, rather than made smaller."""

THROTTLED_FOR = 1.0
"""Seconds without a message after a 429 that does not say how long."""

log = structlog.get_logger("realtime")


class Publish(msgspec.Struct, frozen=True):
    """Command to the publisher: there is something to publish, or it is time to look."""


class Beat(msgspec.Struct, frozen=True):
    """Command to the publisher: see whether anybody listens."""


PublisherMessage: TypeAlias = Publish | Beat


class PublisherActor(Actor[PublisherMessage]):
    """Publishes what `feed` holds, while it is wanted. `connect` may raise DeniedError; `stopping` is True
    once the process goes."""

    def __init__(
        self,
        feed: RealtimeFeed,
        subscribers: Subscribers,
        flags: Flags,
        connect: Callable[[], Broadcasts],
        *,
        monotonic: Callable[[], float],
        stopping: Callable[[], bool],
    ) -> None:
        self._feed = feed
        self._subscribers = subscribers
        self._flags = flags
        self._connect = connect
        self._monotonic = monotonic
        self._stopping = stopping
        self._broadcasts: Broadcasts | None = None
        self._due: Timer | None = None
        self._held_until = float("-inf")
        self._woken = False

    async def started(self) -> None:
        """See Actor."""
        self._feed.wake = self._wake
        self.context.every(BEAT, Beat())
        self._look()

    async def stopped(self) -> None:
        """See Actor. Who listens is told when the process ends, if Realtime takes it."""
        self._feed.wake = lambda: None
        if self._broadcasts is not None:
            if self._feed.state == "publishing" and self._stopping():
                goodbye = encode_frame(Goodbye("the server is shutting down", 1.0))
                await self._send(parcels([goodbye], self._feed.payload_bytes))
            await self._broadcasts.close()

    async def receive(self, messages: Sequence[PublisherMessage]) -> None:
        """See Actor."""
        self._woken = False
        self._look()
        if self._feed.state != "idle":
            await self._publish()

    def _wake(self) -> None:
        # One message wakes for any number of frames. On the way down the mailbox is closed, which is no
        # concern of whoever offers one.
        if not self._woken:
            with suppress(ActorStopped):
                self._woken = self.context.self_ref.try_tell(Publish())

    def _look(self) -> None:
        """Subscribe when somebody listens, and leave when nobody does."""
        feed = self._feed
        if feed.wanted() and feed.state == "idle":
            feed.state = "connecting"
            feed.listening.enter_context(self._subscribers.including(feed))
            feed.listening.enter_context(self._flags.watch(self._flag_changed))
        elif not feed.wanted() and feed.state != "idle":
            feed.listening.close()
            feed.state = "idle"
            feed.forget()

    def _flag_changed(self, name: str) -> None:
        given = self._flags.evaluate(name, "")
        frame = encode_frame(FlagFrame(name, given.value, given.variant, given.reason, ""))
        self._feed.offer(Volley((frame,)))

    async def _publish(self) -> None:
        feed = self._feed
        if feed.breaker.held() or self._monotonic() < self._held_until:
            feed.skip()
            return
        while batch := self._next():
            probing = feed.breaker.admit()
            if not await self._send(batch) or probing:
                return

    def _next(self) -> list[Parcel]:
        """The messages of the next request; none where there is nothing to say, or not yet."""
        feed, now = self._feed, self._monotonic()
        room = feed.rate.room(now)
        if room > 0:
            return feed.take(room, MAX_BODY)
        if self._due is not None:
            self._due.cancel()
        self._due = self.context.after(max(0.001, feed.rate.free_at(now) - now), Publish())
        return []

    async def _send(self, batch: list[Parcel]) -> bool:
        """Publish `batch`, or account for it."""
        feed = self._feed
        size = sum(len(each.payload) for each in batch)
        feed.rate.sent(self._monotonic(), len(batch), size)
        try:
            if self._broadcasts is None:
                self._broadcasts = self._connect()
            await self._broadcasts.send(body(feed.topic, batch))
        except StoreError as error:
            self._failed(error, batch)
            return False
        except BaseException:
            feed.lose(batch)
            raise
        feed.breaker.succeeded()
        if feed.state == "failing":
            log.info("publishing again", topic=feed.topic)
        feed.state, feed.last_error = "publishing", None
        feed.published += len(batch)
        return True

    def _failed(self, error: StoreError, batch: Sequence[Parcel]) -> None:
        feed = self._feed
        if feed.state != "failing":
            log.warning("not published", topic=feed.topic, error=str(error))
        feed.state, feed.last_error = "failing", str(error)
        feed.lose(batch)
        match error:
            case TooLargeError():
                feed.breaker.succeeded()
                # Smaller from now on: what the plan allows is less than what is set.
                feed.payload_bytes = max(LEAST_PAYLOAD, feed.payload_bytes // 2)
            case ThrottledError(retry_after=wait):
                feed.breaker.succeeded()
                self._held_until = self._monotonic() + (THROTTLED_FOR if wait is None else wait)
            case DeniedError():
                feed.breaker.trip(error)
            case _:
                feed.breaker.failed(error)
