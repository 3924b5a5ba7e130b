"""What waits to be published and how publishing goes. Outlives the actor's restarts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from time import monotonic
from typing import Literal, TypeAlias

from actors.persistence.breaker import StoreBreaker
from actors.realtime.parcels import Parcel, gap_parcel, parcels
from actors.realtime.rate import Rate
from web.outbox import Outbox
from web.ports import Frame, Volley
from web.report import RealtimeStatus

MAX_WAITING = 4 * 1024 * 1024
"""Characters of frames that wait, at most; what is over becomes a gap."""

State: TypeAlias = Literal["idle", "connecting", "publishing", "failing"]


class RealtimeFeed:
    """A subscriber of the broadcaster, with its counters. `wake` is called when there is something to
    publish; `wanted` says whether anybody listens."""

    def __init__(
        self,
        topic: str,
        breaker: StoreBreaker,
        *,
        messages_per_second: int,
        payload_bytes: int,
        wanted: Callable[[], bool],
    ) -> None:
        self.topic = topic
        self.breaker = breaker
        self.wanted = wanted
        self.payload_bytes = payload_bytes
        self.rate = Rate(messages_per_second)
        # About what half a second takes away: what waits longer is better asked for by offset.
        room = max(payload_bytes, messages_per_second * payload_bytes // 2)
        self.outbox = Outbox(max_bytes=min(MAX_WAITING, room))
        self.wake: Callable[[], object] = lambda: None
        self.state: State = "idle"
        self.published = 0
        self.dropped = 0
        self.last_error: str | None = None
        self.listening = ExitStack()
        """Closed when nobody listens any more."""
        self._ready = deque[Parcel]()
        self._gap: tuple[int, int] | None = None

    def offer(self, volley: Volley) -> None:
        """See web.ports.FrameSink."""
        for frame in volley.frames:
            self.outbox.offer(frame)
        self.wake()

    def status(self) -> RealtimeStatus:
        """How it goes, now."""
        messages, size = self.rate.within(monotonic())
        return RealtimeStatus(
            state=self.state,
            breaker=self.breaker.position,
            messages_per_second=messages,
            bytes_per_second=size,
            published=self.published,
            dropped=self.dropped,
            last_error=self.last_error,
        )

    def take(self, messages: int, size: int) -> list[Parcel]:
        """What to publish next, of so many messages at most and about `size` bytes; a gap comes first."""
        if not self._ready:
            waiting = self._waiting()
            if waiting and self._gap is not None:
                waiting.insert(0, gap_parcel(*self._gap))
                self._gap = None
            self._ready.extend(waiting)
        batch = list[Parcel]()
        while self._ready and len(batch) < messages and size > 0:
            batch.append(self._ready.popleft())
            size -= len(batch[-1].payload)
        return batch

    def skip(self) -> None:
        """Let what waits become part of the gap."""
        self.lose([*self._ready, *self._waiting()])
        self._ready.clear()

    def lose(self, lost: Sequence[Parcel]) -> None:
        """Account for what was not published: it is told of as a gap when publishing works again."""
        self.dropped += len(lost)
        covered = [each for each in lost if each.first_offset >= 0]
        if covered:
            first, last = covered[0].first_offset, covered[-1].last_offset
            known = self._gap or (first, last)
            self._gap = min(first, known[0]), max(last, known[1])

    def forget(self) -> None:
        """Let go of all that waits, and owe nobody a gap: nobody listens."""
        self._waiting()
        self._ready.clear()
        self._gap = None

    def _waiting(self) -> list[Parcel]:
        frames = list[Frame]()
        while (frame := self.outbox.take()) is not None:
            frames.append(frame)
        return parcels(frames, self.payload_bytes)
