"""How many messages a second there were, and how many more there may be. Pure."""

from __future__ import annotations

from collections import deque

WINDOW = 1.0
"""Seconds in which no more than `most` are sent, wherever they begin."""


class Rate:
    """At most `most` messages in any second; times are seconds of a monotonic clock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sent = deque[tuple[float, int, int]]()

    def room(self, now: float) -> int:
        """How many messages may be sent at once."""
        self._forget(now)
        return self._most - sum(messages for _, messages, _ in self._sent)

    def free_at(self, now: float) -> float:
        """When there is room again; `now` where there is."""
        return now if self.room(now) > 0 else self._sent[0][0] + WINDOW

    def sent(self, now: float, messages: int, size: int) -> None:
        """Count `messages` of `size` bytes together."""
        self._sent.append((now, messages, size))

    def within(self, now: float) -> tuple[int, int]:
        """Messages and bytes of the last second."""
        self._forget(now)
        return sum(each[1] for each in self._sent), sum(each[2] for each in self._sent)

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0][0] <= now - WINDOW:
            self._sent.popleft()
