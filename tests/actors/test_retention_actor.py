"""The keeper in the composed tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors import retention
from actors.config import Settings
from actors.config.settings import PersisterSettings
from actors.stores.base import OutageError
from actors.stores.memory import MemoryStore
from journal.metric import Offset
from tests.actors.test_persistence_actor import Moody
from tests.process.composed import SEGMENT, composed, until


@pytest.mark.slow
async def test_segments_go_when_every_store_has_passed_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not before: with one of two stores away, nothing goes, however small the window."""
    monkeypatch.setattr(retention, "RETIRE_EVERY", 0.2)
    # On a slow machine the breaker of the store that is away opens; nobody is to wait a minute for its probe.
    persister = PersisterSettings(circuit_breaker_timeout=0.3)
    settings = Settings(
        data=str(tmp_path / "data"), segment_bytes=SEGMENT, keep_bytes=0, metrics_persister=persister
    )
    away = Moody(MemoryStore("away"))
    away.before = OutageError("away", "gone")
    async with composed(tmp_path / "data", [MemoryStore(), away], settings=settings) as running:
        journal = running.journal
        while len(journal.segments) < 4:
            await running.offer(5000)
        report = running.forebay.status.report
        await until(lambda: report().stores[0].lag == 0, "one store has everything")
        retires = running.actor("keeper").processed
        await until(lambda: running.actor("keeper").processed > retires + 6, "the keeper has looked", 60)
        assert journal.first_offset == 0
        away.before = None
        await until(lambda: len(journal.segments) == 1, "old segments are retired", 60)
        # They leave the list before their retirement is in the journal, so that nobody reads them.
        await until(lambda: journal.state.retired_before == journal.first_offset, "and that is journaled")
        assert journal.first_offset > 0
        assert report().accepted == report().persisted
        async with running.client() as client:
            assert (await client.get("/api/status")).json()["journal"]["first_offset"] == journal.first_offset


@pytest.mark.slow
async def test_a_spare_is_made_ahead(tmp_path: Path) -> None:
    """Soon after the start and after each roll there is a segment of zeroes to go on in."""
    spare = tmp_path / "data/journal/spare.new"
    async with composed(tmp_path / "data", [MemoryStore()]) as running:
        for segments in (1, 2, 3):
            await until(spare.exists, "a spare is there")
            assert spare.stat().st_size == SEGMENT
            while len(running.journal.segments) == segments:
                await running.offer(1000)
        assert running.journal.segments[0].first_offset == Offset(0)
