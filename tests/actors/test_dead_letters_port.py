"""The queue that runs keeps the contract that the edge is tested against."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from actors.config import Settings
from actors.config.settings import PersisterSettings
from actors.dead_letters import port
from actors.messages import Bury
from actors.stores.base import OutageError
from actors.stores.memory import MemoryStore
from journal.events import MetricDeadLettered
from journal.metric import Metric, Nanoseconds, Offset
from tests.actors.picky import Picky
from tests.contracts.dead_letters_suite import METRIC, THEN, DeadLettersContract, Mood, Setting
from tests.process.composed import SEGMENT, Composed, composed, until
from web.letters import LetterFilter

pytestmark = pytest.mark.slow


class Running:
    """The composed tree, whose stores are dictionaries that can be put into a mood."""

    def __init__(self, running: Composed, stores: dict[str, Picky]) -> None:
        self._running = running
        self._stores = stores
        self._offsets = count(1_000)
        self.queue = running.forebay.dead_letters_port()

    async def bury(
        self,
        metric: Metric = METRIC,
        *,
        store: str = "sqlite",
        cause: str = "check",
        error: str = "breaks a check",
        accepted_at: Nanoseconds = THEN,
        weather: bool = False,
    ) -> int:
        letter = MetricDeadLettered(
            store, Offset(next(self._offsets)), accepted_at, metric, cause, error, weather=weather
        )
        await self.bury_together([letter])
        return self.queue.page(LetterFilter(), 100_000, None).letters[-1].id

    async def bury_together(self, letters: list[MetricDeadLettered]) -> None:
        await self._running.forebay.system.ref("dead-letters").ask(Bury(letters[0].store, letters), 10)

    def be(self, store: str, mood: Mood) -> None:
        self._stores[store].before = OutageError(store, "gone") if mood == "away" else None
        self._stores[store].refuses_all = mood == "refuses"

    async def stored(self, store: str) -> list[Metric]:
        rows = self._stores[store].rows(Offset(0), Offset(2**40))
        return [row.metric async for run in rows for row in run]

    async def settled(self) -> None:
        away = {name for name, store in self._stores.items() if store.before is not None}

        def under_way() -> list[int]:
            letters = self.queue.page(LetterFilter(), 100_000, None).letters
            return [letter.id for letter in letters if letter.redriving and letter.store not in away]

        await until(lambda: not under_way(), "nothing is on its way", 60)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    stores = {name: Picky(MemoryStore(name)) for name in ("sqlite", "supabase")}
    settings = Settings(
        data=str(tmp_path),
        segment_bytes=SEGMENT,
        metrics_persister=PersisterSettings(circuit_breaker_threshold=1_000),
    )
    async with composed(tmp_path / "data", list(stores.values()), settings=settings) as system:
        status = system.forebay.status.report
        await until(lambda: all(s.state == "following" for s in status().stores), "the stores are open")
        yield Running(system, stores)


async def test_large_metrics_make_small_pages(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole page ends where its metrics are too many bytes, and its cursor leads to the rest: no letter is
    left out or there twice, those that were buried together among them."""
    letters = [
        MetricDeadLettered("sqlite", Offset(at), THEN, Metric(f"m{at}", 1.0), "check", "no")
        for at in range(5)
    ]
    await running.bury_together(letters)
    await running.bury(Metric("m5", 1.0))
    names: list[list[str]] = []
    for most in (1, 100):
        monkeypatch.setattr(port, "WHOLE_BYTES", most)
        cursor, pages = None, 0
        while pages == 0 or cursor is not None:
            page = await running.queue.whole_page(LetterFilter(), 4, cursor)
            names.append([letter.metric.name for letter in page.letters if letter.metric is not None])
            cursor, pages = page.cursor, pages + 1
    assert names[:6] == [[f"m{at}"] for at in range(6)]
    assert names[6:] == [["m0", "m1", "m2", "m3"], ["m4", "m5"]]


class TestDeadLettersPort(DeadLettersContract):
    @pytest.fixture
    async def setting(self, running: Running) -> Setting:
        return running
