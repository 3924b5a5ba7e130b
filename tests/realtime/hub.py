"""Who listens to which topic, how often something is sent, and what becomes of it on the way."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple, Protocol, TypeAlias

from tests.realtime.faults import Faults
from tests.realtime.wire import Message

Topic: TypeAlias = tuple[bool, str]
"""Whether it is private, and its name without `realtime:`: a public and a private channel of one name have
nothing to do with each other."""

WINDOW = 1.0
"""Seconds over which messages are counted. The product takes the mean of a longer time."""


class Listener(Protocol):
    """A joined channel."""

    def deliver(self, message: Message) -> None:
        """Take `message`; never waits."""
        ...


class Published(NamedTuple):
    """One message that was taken from somebody."""

    at: float
    """`loop.time()`."""
    topic: Topic
    event: str
    size: int
    """Bytes of the payload."""
    message: Message
    listeners: int


class Hub:
    """All joined channels of one peer. `published` keeps what was sent, the refused left out."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.published: list[Published] = []
        self._listeners: dict[Topic, set[Listener]] = {}
        self._recent = deque[float]()
        self._count = 0

    def join(self, topic: Topic, listener: Listener) -> None:
        """Deliver what is sent to `topic` to `listener` too."""
        self._listeners.setdefault(topic, set()).add(listener)

    def leave(self, topic: Topic, listener: Listener) -> None:
        """Deliver no more."""
        listeners = self._listeners.get(topic, set())
        listeners.discard(listener)
        if not listeners:
            self._listeners.pop(topic, None)

    def listeners(self, topic: Topic) -> int:
        """How many channels have joined."""
        return len(self._listeners.get(topic, ()))

    def rate(self) -> int:
        """Messages within the last second."""
        now = asyncio.get_running_loop().time()
        while self._recent and self._recent[0] <= now - WINDOW:
            self._recent.popleft()
        return len(self._recent)

    def count(self, messages: int) -> None:
        """Let so many messages count for the rate."""
        self._recent.extend([asyncio.get_running_loop().time()] * messages)

    def publish(self, topic: Topic, event: str, size: int, message: Message, but: Listener | None) -> None:
        """Deliver `message` to everybody who has joined `topic`, `but` one; faults happen here."""
        loop, faults = asyncio.get_running_loop(), self.faults
        listeners = [each for each in self._listeners.get(topic, ()) if each is not but]
        self.published.append(Published(loop.time(), topic, event, size, message, len(listeners)))
        self._count += 1
        if faults.black_hole or (faults.drop_every and self._count % faults.drop_every == 0):
            return
        twice = faults.duplicate_every and self._count % faults.duplicate_every == 0
        for listener in listeners:
            for _ in range(2 if twice else 1):
                if faults.delay:
                    loop.call_later(faults.delay, listener.deliver, message)
                else:
                    listener.deliver(message)
