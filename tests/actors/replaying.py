"""What the tests of replay share: a journal of known metrics, a replay of it, and who listens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from actors.core.persistence import RetryPolicy
from actors.persistence.burial import Blame
from actors.replay.bookmark import BookmarkFile
from actors.replay.part import Part
from actors.replay.replay import Order, Outcome, Replay, Watcher
from actors.replay.sender import Limits
from actors.stores.base import Row, Store, StoreError
from actors.stores.memory import MemoryStore, MemoryTables
from journal.committer import Options
from journal.events import DeadLettersRedriven, MetricDeadLettered, pack_metrics
from journal.inspect import Bound, Selection
from journal.log import Journal
from journal.metric import Metric, Offset
from tests.actors.wrapped import Wrapped

__all__ = ["LIMITS", "QUICK", "Heard", "Scene", "scene"]

ANYWHERE = Bound()


class Quick(RetryPolicy, frozen=True):
    """Waits no longer than it is asked to."""

    def wait(self, attempts: int, chance: float, retry_after: float | None) -> float:
        return retry_after or 0.001


QUICK = Quick()
LIMITS = Limits(most_rows=100, policy=QUICK)


class Heard(Watcher):
    """What a replay has told; stops it behind the offset `stop_at`."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop = asyncio.Event()
        self.stop_at = stop_at
        self.refusals: list[Blame] = []
        self.waits: list[StoreError] = []
        self.resumed_at: list[Offset] = []
        self.again: list[str] = []
        self.forgot: list[OSError] = []

    def refused(self, row: Row, blame: Blame) -> None:
        assert row.offset == blame.offset
        self.refusals.append(blame)

    def waiting(self, error: StoreError, seconds: float) -> None:
        self.waits.append(error)

    def begun(self, part: Part, begun_at: Offset, sent_before: int) -> None:
        self.resumed_at.append(begun_at)

    def at(self, offset: Offset, sent: int) -> None:
        if self.stop_at is not None and offset >= self.stop_at:
            self.stop.set()

    def begins_again(self, why: str) -> None:
        self.again.append(why)

    def forgetful(self, error: OSError) -> None:
        self.forgot.append(error)


class Scene:
    """A journal with metrics, what was accepted, and a store that is empty."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.journal_id = ""
        self.rows: list[Row] = []
        self.tables = MemoryTables()
        self.next_offset = Offset(0)

    @property
    def directory(self) -> str:
        return str(self.home / "journal")

    async def accept(self, batches: Sequence[Sequence[Metric]], *, times: Sequence[int] = ()) -> None:
        """Append `batches`, a record each, written at `times` or a nanosecond apart."""
        clock = iter(times or range(1_000, 1_000_000))
        now = 1_000

        def tick() -> int:
            return now

        journal = await Journal.open(self.directory, options=Options(1024 * 1024), now=tick)
        self.journal_id = str(journal.id)
        for metrics in batches:
            now = next(clock)
            await journal.prepare()
            first = (await journal.append([pack_metrics(metrics)])).first_offset
            self.rows += [Row(Offset(first + at), now, metric) for at, metric in enumerate(metrics)]
        await journal.close()
        self.next_offset = journal.next_offset

    async def bury(self, store: str, rows: Sequence[Row]) -> None:
        """Dead letters of `store`, in the queue's journal."""
        journal = await Journal.open(str(self.home / "dead-letters"), options=Options(1024 * 1024))
        letters = [
            MetricDeadLettered(store, row.offset, row.accepted_at, row.metric, "check", "no") for row in rows
        ]
        await journal.append(letters)
        await journal.close()

    async def redrive(self, store: str, ids: Sequence[int], edited: Metric | None = None) -> None:
        """Those of these ids were stored, as `edited` if that is given."""
        journal = await Journal.open(str(self.home / "dead-letters"), options=Options(1024 * 1024))
        await journal.append([DeadLettersRedriven(store, [Offset(each) for each in ids], edited=edited)])
        await journal.close()

    def store(self) -> MemoryStore:
        return MemoryStore(tables=self.tables)

    def replay(
        self,
        store: Store | Wrapped | None = None,
        heard: Heard | None = None,
        *,
        since: Bound = ANYWHERE,
        until: Bound = ANYWHERE,
        names: Sequence[str] = (),
        sources: Sequence[str] = (),
        limits: Limits = LIMITS,
        anew: bool = False,
        letters: bool = False,
    ) -> Replay:
        """A replay that has not begun; without the dead letters unless `letters`."""
        heard = heard or Heard()
        order = Order(
            self.directory,
            None if letters else str(self.home / "dead-letters"),
            Selection(since, until, names=tuple(names), sources=tuple(sources)),
            limits,
            anew,
        )
        asked = (self.journal_id, str(since), str(until), *names, *sources)
        bookmark = BookmarkFile(asked, str(self.home / "state"))
        return Replay(store or self.store(), order, bookmark, heard.stop, heard)

    async def run(self, *args: Store | Wrapped | Heard | None, **options: object) -> Outcome:
        return await self.replay(*args, **options).run()  # type: ignore[arg-type]

    @property
    def stored(self) -> list[Row]:
        """What the store holds, by offset; times as they were sent."""
        held = self.tables.metrics[self.journal_id]
        return [held[offset] for offset in sorted(held)]

    @property
    def cursor(self) -> Offset | None:
        return self.tables.cursors.get((self.journal_id, "memory"))

    @property
    def bookmarks(self) -> list[str]:
        """The files in which interrupted replays go on."""
        folder = self.home / "state"
        return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


def some(count: int, name: str = "m", source: str = "", begin: int = 0) -> list[Metric]:
    """`count` metrics that tell themselves apart."""
    return [Metric(name, float(value), time=value, source=source) for value in range(begin, begin + count)]


@pytest.fixture
async def scene(tmp_path: Path) -> Scene:
    """Ten records of 100 metrics: names a and b, sources x and y, one after the other."""
    scene = Scene(tmp_path)
    await scene.accept([some(100, "ab"[at % 2], "xy"[at // 2 % 2], at * 100) for at in range(10)])
    return scene
