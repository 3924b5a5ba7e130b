"""The real edge over a queue in memory, in a thread, for commands that speak to a process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from tests.web.memory import REPORT
from tests.web.memory_flags import MemoryFlags
from tests.web.memory_letters import MemoryDeadLetters
from tests.web.serving import Running, serving
from web.ports import EdgeSettings
from web.report import DeadLetterStatus, StatusReport


class Served:
    """What is served; it delivers what is redriven, and its status counts the queue."""

    def __init__(self, running: Running) -> None:
        self.url = running.url
        self.queue: MemoryDeadLetters = running.dead_letters
        self.flags: MemoryFlags = running.flags
        running.status.look = self.report

    def report(self) -> StatusReport:
        queue = self.queue
        oldest = min((letter.first_failed_at for letter in queue.letters.values()), default=0)
        counts = DeadLetterStatus(
            len(queue.letters),
            10_000,
            oldest,
            queue.redriving,
            queue.counts["redriven"],
            queue.counts["discarded"],
        )
        stores = [
            replace(
                REPORT.stores[0],
                name=name,
                breaker="open" if queue.moods[name] == "away" else "closed",
                state="waiting" if queue.moods[name] == "away" else "following",
            )
            for name in ("sqlite", "supabase")
        ]
        return replace(REPORT, dead_letters=counts, stores=stores)


@contextmanager
def served(settings: EdgeSettings | None = None) -> Iterator[Served]:
    """A process to speak to until the block ends."""
    found: list[Served] = []
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with serving(settings) as running:
            found.append(Served(running))
            ready.set()
            while not done.is_set():
                running.dead_letters.deliver()
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield found[0]
    finally:
        done.set()
        thread.join(20)
