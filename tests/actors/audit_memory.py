"""How much memory an audit takes, in a process of its own: prints the peak in MB.

python -m tests.actors.audit_memory DIRECTORY METRICS nothing|everything|extra|changed [--quick]
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator, Sequence

from actors.audit import audit
from actors.stores.base import Row
from actors.stores.memory import MemoryStore
from journal.events import pack_metrics
from journal.log import Journal
from journal.metric import Metric, Nanoseconds, Offset
from tests.actors.wrapped import Wrapped

PER_RECORD, RUN = 1_000, 4_096
NOW = Nanoseconds(1_700_000_000_000_000_000)
METRIC = Metric("m", 1.0, 1, source="worker")
FOREIGN = Metric("m", 2.0, 1, source="worker")


async def fill(directory: str, count: int) -> None:
    """A journal of `count` metrics, each METRIC and accepted NOW."""
    journal = await Journal.open(directory, now=lambda: NOW)
    at_once = min(20, count // PER_RECORD)
    for _ in range(0, count, PER_RECORD * at_once):
        await journal.prepare()
        appends = [journal.append([pack_metrics([METRIC] * PER_RECORD)]) for _ in range(at_once)]
        await asyncio.gather(*appends)
    await journal.close()


class Endless(Wrapped):
    """A store that has passed everything, and holds `metric` at every offset in `[first, end)`."""

    def __init__(self, first: int, end: int, metric: Metric) -> None:
        super().__init__(MemoryStore())
        self._first, self._end, self._metric = first, end, metric
        self.look = self._look
        self.rows = self._rows
        self.offsets = self._offsets

    async def _look(self, journal_id: str) -> Offset | None:
        return Offset(self._end)

    async def _offsets(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Offset]]:
        for at in range(max(start, self._first), min(until, self._end), RUN):
            yield [Offset(offset) for offset in range(at, min(at + RUN, until, self._end))]

    async def _rows(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Row]]:
        async for offsets in self._offsets(start, until):
            yield [Row(offset, NOW, self._metric) for offset in offsets]


async def main(home: str, count: int, holds: str, *, quick: bool) -> None:
    directory = os.path.join(home, "journal")
    await fill(directory, count if holds != "extra" else PER_RECORD)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    held = {
        "nothing": Endless(0, 0, METRIC),
        "everything": Endless(0, 2**40, METRIC),
        "changed": Endless(0, 2**40, FOREIGN),
        "extra": Endless(2**41, 2**41 + count, METRIC),
    }
    store = held[holds]
    if holds in ("everything", "changed"):
        # Behind the end there is nothing: the control events among the metrics are extra enough.
        store._end = count + PER_RECORD
    result = await audit(directory, os.path.join(home, "dead-letters"), [store], quick=quick)
    [account] = result.stores
    said = (account.pending, account.persisted, account.differing.count, account.extra.count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(before // 1024, peak // 1024, *said)  # noqa: T201 - this is its answer


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], quick="--quick" in sys.argv))
