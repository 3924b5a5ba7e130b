"""Flags on their way into a store's own table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from actors.core.flags import DEFINITIONS
from actors.persistence.flag_mirror import AGAIN_AFTER, FlagMirror
from actors.persistence.guard import GuardedStore
from actors.persistence.progress import StoreProgress
from actors.stores.base import DeniedError, FlagRow
from actors.stores.memory import MemoryStore
from journal.flags import FlagChanged
from journal.log import Journal, Options


class Unmigrated(MemoryStore):
    """A store whose table of flags is missing for `refusals` times."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals
        self.asked = 0

    async def mirror_flags(self, flags: Sequence[FlagRow]) -> None:
        self.asked += 1
        if self.asked <= self.refusals:
            raise DeniedError(self.name, "there is no table feature_flags: `forebay db migrate` makes it")
        await super().mirror_flags(flags)


async def test_a_missing_table_is_asked_for_seldom(tmp_path: Path) -> None:
    """What cannot be written is tried again after a while, not each second; what is written is not written
    again until it changes."""
    journal = await Journal.open(str(tmp_path), options=Options(segment_bytes=64 * 1024))
    store = Unmigrated(refusals=2)
    await store.open(str(journal.id))
    progress = StoreProgress(store.name, journal)
    now = 1_000.0
    guarded = GuardedStore(store, progress, timeout=5.0, recovered=lambda: None)
    mirror = FlagMirror(journal, guarded, lambda: now)
    for seconds, asked in (
        (0, 1),
        (1, 1),
        (AGAIN_AFTER - 2, 1),
        (1, 2),
        (AGAIN_AFTER, 3),
        (1, 3),
        (AGAIN_AFTER, 3),
    ):
        now += seconds
        await mirror.bring_up_to_date()
        assert store.asked == asked
    [rows] = store.tables.flags.values()
    assert [row.name for row in rows] == sorted(each.name for each in DEFINITIONS)
    await journal.append([FlagChanged("dashboard.transport", "dual", 30.0)])
    await mirror.bring_up_to_date()
    [rows] = store.tables.flags.values()
    changed = next(row for row in rows if row.name == "dashboard.transport")
    assert (changed.value, changed.default, changed.rollout) == ("dual", "websocket", 30.0)
    assert changed.updated_at == journal.state.flags["dashboard.transport"].updated_at
    await journal.close()
