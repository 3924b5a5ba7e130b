"""A whole system whose store refuses some metrics, and its dead-letter queue at hand."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from actors.audit import Audit, audit
from actors.config import Settings
from actors.config.settings import PersisterSettings, ResilienceSettings
from actors.dead_letters.port import DeadLettersPort
from journal.events import pack_metrics
from journal.metric import Metric
from tests.actors.picky import Picky
from tests.process.composed import SEGMENT, Composed, composed, until
from web.letters import LetterFilter
from web.report import StoreStatus


def metrics(count: int, bad: set[int] = frozenset()) -> list[Metric]:  # type: ignore[assignment]
    return [
        Metric(f"bad.{at}" if at in bad else "good", float(at), source=f"s{at % 3}") for at in range(count)
    ]


class Queue:
    """What runs, with the queue's port and the store that refuses."""

    def __init__(self, running: Composed, store: Picky) -> None:
        self.running = running
        self.store = store
        port = running.forebay.dead_letters_port()
        assert isinstance(port, DeadLettersPort)
        self.port = port

    @property
    def status(self) -> StoreStatus:
        return self.running.forebay.status.report().stores[0]

    @property
    def waiting(self) -> list[str]:
        return [letter.name for letter in self.port.page(LetterFilter(), 1_000, None).letters]

    async def take(self, some: Sequence[Metric]) -> None:
        await self.running.journal.append([pack_metrics(some)])

    async def settled(self, seconds: float = 10.0) -> None:
        await until(lambda: self.status.lag == 0, "every metric is stored or a dead letter", seconds)

    async def balances(self) -> None:
        result = await self._audit()
        assert result.balances, result
        assert result.accepted == result.stores[0].persisted + result.stores[0].dead_lettered

    async def account(self, persisted: int) -> None:
        """It balances, with so many metrics in the store."""
        result = await self._audit()
        assert (result.balances, result.stores[0].persisted) == (True, persisted)

    async def _audit(self) -> Audit:
        home = Path(self.running.journal.directory).parent
        return await audit(str(home / "journal"), str(home / "dead-letters"), [self.store])


@contextlib.asynccontextmanager
async def queue(
    home: Path,
    store: Picky,
    *,
    threshold: int = 5,
    items: int = 10_000,
    days: float = 90.0,
    hold_after: int = 1_000,
    drain: float = 5.0,
    **resilience: bool,
) -> AsyncIterator[Queue]:
    settings = Settings(
        data=str(home),
        segment_bytes=SEGMENT,
        dlq_max_items=items,
        dlq_max_age_days=days,
        dlq_hold_after=hold_after,
        metrics_persister=PersisterSettings(circuit_breaker_timeout=0.3, circuit_breaker_threshold=threshold),
        resilience=ResilienceSettings(**resilience),
    )
    async with composed(home, [store], settings=settings, drain=drain) as running:
        yield Queue(running, store)
