"""The ports through which the kernel sees time and chance, and the operating system behind them."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Protocol

from anyio import CancelScope


class Handle(Protocol):
    """A call that is due later."""

    def cancel(self) -> object:
        """Make sure that the call is not made, if it has not been; harmless afterwards."""
        ...


class Clock(Protocol):
    """Time. Everything in the kernel that waits, waits here."""

    def now(self) -> int:
        """Nanoseconds since the Unix epoch, UTC; may jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object]) -> Handle:
        """Have `callback` called on the event loop after `delay` seconds, soon if that is not above 0."""
        ...


class Random(Protocol):
    """Chance; `random.Random` fits."""

    def uniform(self, a: float, b: float) -> float:
        """A number between `a` and `b`."""
        ...


class SystemClock:
    """The operating system's Clock, on the running event loop."""

    def now(self) -> int:
        """See Clock."""
        return time.time_ns()

    def monotonic(self) -> float:
        """See Clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        await asyncio.sleep(seconds)

    def call_later(self, delay: float, callback: Callable[[], object]) -> Handle:
        """See Clock."""
        return asyncio.get_running_loop().call_later(delay, callback)


@contextmanager
def cut_off(scope: CancelScope, clock: Clock, seconds: float) -> Generator[None]:
    """Cancel `scope` if the block takes longer than `seconds`; at once if that is 0, never if infinite."""
    if seconds <= 0:
        scope.cancel()
    timer = clock.call_later(seconds, scope.cancel) if 0 < seconds < math.inf else None
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
