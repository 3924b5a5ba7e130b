"""Time that passes only when a test says so. For the tests of every folder."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

EPOCH = 1_700_000_000_000_000_000


class VirtualHandle:
    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class VirtualClock:
    """A Clock that begins at `EPOCH` nanoseconds and 0.0 monotonic seconds."""

    def __init__(self) -> None:
        self._elapsed = 0.0
        self._due: list[tuple[float, int, VirtualHandle]] = []
        self._count = itertools.count()

    def now(self) -> int:
        return EPOCH + round(self._elapsed * 1e9)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        awake = asyncio.get_running_loop().create_future()
        handle = self.call_later(seconds, lambda: awake.done() or awake.set_result(None))
        try:
            await awake
        finally:
            handle.cancel()

    def call_later(self, delay: float, callback: Callable[[], object]) -> VirtualHandle:
        handle = VirtualHandle(callback)
        heapq.heappush(self._due, (self._elapsed + max(delay, 0.0), next(self._count), handle))
        return handle

    @property
    def pending(self) -> int:
        """How many calls are due some time."""
        return sum(handle.callback is not None for _, _, handle in self._due)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass: make each call at its time, and let what it set off run to a standstill."""
        await settle()
        until = self._elapsed + seconds
        while self._due and self._due[0][0] <= until:
            at, _, handle = heapq.heappop(self._due)
            if handle.callback is not None:
                self._elapsed = max(self._elapsed, at)
                handle.callback()
                await settle()
        self._elapsed = until
        await settle()


_settling = 0


async def settle(at_most: int = 1000) -> None:
    """Return when no task can go on without time passing or input arriving."""
    global _settling
    ready = getattr(asyncio.get_running_loop(), "_ready", None)
    _settling += 1
    try:
        for turn in range(at_most):
            await asyncio.sleep(0)
            # Others that settle are always ready; uvloop does not show who is: there, turns have to do.
            if turn == 50 if ready is None else len(ready) < _settling:
                return
    finally:
        _settling -= 1
