"""The in-memory ports of these tests keep the contracts that the real ones keep."""

from __future__ import annotations

import pytest

from journal.metric import Metric, Nanoseconds
from tests.contracts.dead_letters_suite import METRIC, THEN, DeadLettersContract, Mood, Setting
from tests.contracts.ingest_suite import IngestContract
from tests.web.memory import MemoryIngest
from tests.web.memory_letters import MemoryDeadLetters
from web.ports import Refused


class TestMemoryIngest(IngestContract):
    @pytest.fixture
    async def ingest(self) -> MemoryIngest:
        return MemoryIngest()

    @pytest.fixture
    async def refusing(self) -> MemoryIngest:
        ingest = MemoryIngest()
        ingest.refuse_with = Refused("stopping", "shutting down")
        return ingest


class MemorySetting:
    def __init__(self) -> None:
        self.queue = MemoryDeadLetters()

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
        return self.queue.bury(metric, store, cause, error, accepted_at, weather=weather)

    def be(self, store: str, mood: Mood) -> None:
        self.queue.moods[store] = mood

    async def stored(self, store: str) -> list[Metric]:
        return self.queue.stored[store]

    async def settled(self) -> None:
        self.queue.deliver()


class TestMemoryDeadLetters(DeadLettersContract):
    @pytest.fixture
    async def setting(self) -> Setting:
        return MemorySetting()
