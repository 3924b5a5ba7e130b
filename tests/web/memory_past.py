"""The port of the past, in memory."""

from __future__ import annotations

import asyncio

from journal.metric import Nanoseconds, Offset
from journal.state import State
from web.past import StateAnswer, StateReport


class MemoryPast:
    """Answers with what it is told to, or with a state that shows what it was asked; `hold` lets it wait."""

    def __init__(self) -> None:
        self.answer: StateAnswer | None = None
        self.asked: list[tuple[Offset | None, Nanoseconds | None]] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.given_up = 0

    async def state(self, offset: Offset | None, time: Nanoseconds | None) -> StateAnswer:
        """As web.ports.Past says."""
        self.asked.append((offset, time))
        try:
            await self.hold.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        state = State(accepted=7)
        return self.answer or StateReport(
            offset or Offset(9), time or 5, "journal-1", Offset(0), Offset(9), state
        )
