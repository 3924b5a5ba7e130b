"""A journal from which a damage took something, as a repair leaves it, and a store beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from actors.stores.base import Row
from actors.stores.memory import MemoryTables
from journal.events import CursorAdvanced, MetricDeadLettered, OffsetsLost, Snapshot, pack_metrics
from journal.log import Journal
from journal.metric import Metric, Nanoseconds, Offset

BEFORE, LOST, BEHIND = 40, 30, 20
ACCEPTED = BEFORE + LOST + BEHIND
NOW = Nanoseconds(1_700_000_000_000_000_000)
METRIC = Metric("m", 1.0, 1)


class Damaged:
    """A journal of which `LOST` metrics, from offset `first` on, were given up by a repair, and tables in
    which a store may have been given some of them before."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.tables = MemoryTables()
        self.first = Offset(0)

    async def make(self, *, metrics: int = LOST, exact: bool = True, truly: int | None = None) -> None:
        """Make it; `truly` many of them had been metrics, as the next snapshot says."""
        journal = await Journal.open(str(self.home / "journal"), now=lambda: NOW)
        await journal.append([pack_metrics([METRIC] * BEFORE)])
        self.first = (await journal.append([OffsetsLost(LOST, metrics, "damaged", exact)])).first_offset
        await journal.append([pack_metrics([METRIC] * BEHIND)])
        if truly is not None:
            state = journal.state
            await journal.append([Snapshot(replace(state, accepted=state.accepted - metrics + truly))])
        self.id = str(journal.id)
        await journal.close()

    def given(self, cursor: int, *, lost: bool = True) -> None:
        """Have the store hold every metric before `cursor`, those that are `lost` too or not."""
        gone = range(self.first, self.first + LOST)
        for offset in range(self.first - BEFORE, cursor):
            if lost or offset not in gone:
                row = Row(Offset(offset), NOW, METRIC)
                self.tables.metrics[self.id][Offset(offset)] = row
        self.tables.cursors[self.id, "memory"] = Offset(cursor)

    async def noted(self, cursor: int, persisted: int, lost: int) -> None:
        """Have the journal's last note of the store be this one."""
        journal = await Journal.open(str(self.home / "journal"))
        await journal.append([CursorAdvanced("memory", Offset(cursor), persisted, 0, lost)])
        await journal.close()

    @property
    def end(self) -> int:
        return self.first + LOST

    async def buried(self, *offsets: int) -> None:
        """Have the store's dead letters be these."""
        journal = await Journal.open(str(self.home / "dead-letters"))
        letters = [
            MetricDeadLettered("memory", Offset(offset), Nanoseconds(1), Metric("m", 2.0), "check", "refused")
            for offset in offsets
        ]
        await journal.append(letters)
        await journal.close()


@pytest.fixture
async def damaged(tmp_path: Path) -> Damaged:
    """Made; no store has been given anything of it."""
    damaged = Damaged(tmp_path / "data")
    await damaged.make()
    return damaged
