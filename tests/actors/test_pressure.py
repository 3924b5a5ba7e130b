"""The gauge tells shares of the time since it was last read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.core.persistence import Pressure
from actors.pressure import PressureGauge
from journal.disk import OsFileSystem
from journal.events import pack_metrics
from journal.log import Journal, Options
from journal.metric import Metric
from tests.journal.faults import SlowSync


class Hands:
    """Two clocks that are moved by hand."""

    def __init__(self) -> None:
        self.monotonic = 100.0
        self.processor = 7.0


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = await Journal.open(
        str(tmp_path / "journal"), options=Options(segment_bytes=65_536), fs=SlowSync(OsFileSystem(), 0.05)
    )
    yield journal
    await journal.close()


async def test_shares_are_of_the_time_since_the_last_reading(journal: Journal) -> None:
    """Two processors that worked three of the last four seconds between them are used by three eighths."""
    hands = Hands()
    gauge = PressureGauge(
        journal,
        monotonic=lambda: hands.monotonic,
        processor_time=lambda: hands.processor,
        processors=2,
    )
    hands.monotonic += 4.0
    hands.processor += 3.0
    assert gauge.read() == Pressure(0.0, 0.375)
    assert gauge.read() == Pressure(0.0, 0.0)


async def test_a_journal_tells_how_long_somebody_waited(journal: Journal) -> None:
    """Overlapping appends count once, and nothing counts while nobody waits."""
    before = journal.seconds_waited
    first = journal.append([pack_metrics([Metric("a", 1.0)])])
    second = journal.append([pack_metrics([Metric("b", 1.0)])])
    await first
    await second
    waited = journal.seconds_waited - before
    assert 0.05 <= waited < 10
    assert journal.seconds_waited - before == waited
