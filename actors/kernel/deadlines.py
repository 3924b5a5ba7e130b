"""The deadlines of all questions that are being asked.

One timer for each time-out in use, not one for each question: on uvloop, arming and cancelling a timer
took 1.8 µs of an ask of 5. Questions with the same time-out expire in the order in which they were asked,
so only the oldest needs a timer.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, TypeAlias

from .clock import Clock
from .question import AskTimeout, Question

Waiting: TypeAlias = dict[asyncio.Future[Any], tuple[float, str, Question[Any]]]
"""The future of each asker: when it expires, who was asked, what."""


class Deadlines:
    """Fails the questions that were not answered in time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[float, Waiting] = {}

    def add(self, asker: asyncio.Future[Any], path: str, question: Question[Any], timeout: float) -> Waiting:
        """Fail `question` after `timeout` seconds, unless `asker` has been taken out of the result."""
        waiting = self._waiting.get(timeout)
        if waiting is None:
            waiting = self._waiting[timeout] = {}
            self._clock.call_later(timeout, partial(self._expire, timeout))
        waiting[asker] = (self._clock.monotonic() + timeout, path, question)
        return waiting

    def _expire(self, timeout: float) -> None:
        waiting = self._waiting[timeout]
        now = self._clock.monotonic()
        for asker, (due, path, question) in list(waiting.items()):
            if due > now:
                self._clock.call_later(due - now, partial(self._expire, timeout))
                return
            del waiting[asker]
            question.fail(AskTimeout(path, type(question).__name__, timeout))
        del self._waiting[timeout]
