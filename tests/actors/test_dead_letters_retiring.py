"""What of the queue's journal is kept, and for whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.dead_letters import retiring
from actors.dead_letters.retiring import Retiring
from journal.committer import Options
from journal.events import DeadLettersDiscarded, MetricDeadLettered, pack_metrics
from journal.log import Journal
from journal.metric import Metric, Offset

SMALL = Options(segment_bytes=64 * 1024)
TEXT = {"text": "x" * 10_000}


class Journals:
    """The queue's journal and the main one, which `begins` where it is told."""

    def __init__(self, queue: Journal, main: Journal) -> None:
        self.queue = queue
        self.main = main
        self.retiring = Retiring(queue, main)

    async def begins(self, offset: int) -> None:
        """Let the main journal begin at `offset` or a little before."""
        while self.main.segments[-1].first_offset < offset:
            await self.main.append([pack_metrics([Metric("good", 1.0, attributes=TEXT)])])
        gone = [each.first_offset for each in self.main.segments[:-1] if each.first_offset < offset]
        await self.main.retire(gone)
        assert self.main.first_offset >= offset

    async def bury_and_discard(self, offsets: range) -> None:
        for at in offsets:
            metric = Metric("bad", 1.0, attributes=TEXT)
            done = await self.queue.append([MetricDeadLettered("a", Offset(at), 1, metric, "check", "e")])
            await self.queue.append([DeadLettersDiscarded("a", [done.first_offset])])

    async def unneeded(self, **mirrored: int) -> int:
        return len(await self.retiring.unneeded({each: Offset(at) for each, at in mirrored.items()}))

    @property
    def full(self) -> int:
        return len(self.queue.segments) - 1


@pytest.fixture
async def journals(tmp_path: Path) -> AsyncIterator[Journals]:
    queue = await Journal.open(str(tmp_path / "queue"), options=SMALL)
    main = await Journal.open(str(tmp_path / "main"), options=SMALL)
    yield Journals(queue, main)
    await main.close()
    await queue.close()


async def test_they_are_kept_for_the_metrics_that_they_speak_of(journals: Journals) -> None:
    """Until the main journal has let go of all of them, whatever the clocks say."""
    await journals.bury_and_discard(range(30))
    assert journals.full >= 3
    assert await journals.unneeded() == 0
    await journals.begins(10)
    first = await journals.unneeded()
    assert 0 < first < journals.full
    await journals.begins(40)
    assert await journals.unneeded() == journals.full


async def test_a_letter_that_waits_keeps_its_segment(journals: Journals) -> None:
    """And those behind it, though the main journal has nothing of what they speak of."""
    await journals.queue.append([MetricDeadLettered("a", Offset(0), 1, Metric("bad", 1.0), "check", "e")])
    await journals.bury_and_discard(range(30))
    await journals.begins(40)
    assert await journals.unneeded() == 0


async def test_a_table_that_is_behind_keeps_them_not_for_ever(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps what it has not been told of, up to so many segments."""
    await journals.bury_and_discard(range(30))
    await journals.begins(40)
    assert await journals.unneeded(a=0) == 0
    assert await journals.unneeded(a=journals.queue.next_offset) == journals.full
    monkeypatch.setattr(retiring, "MIRROR_SEGMENTS", 2)
    assert await journals.unneeded(a=0) == journals.full - 1


async def test_a_store_that_refuses_nothing_keeps_nothing(journals: Journals) -> None:
    """It has no table to be told of, and no letters in the queue."""
    await journals.bury_and_discard(range(30))
    await journals.begins(40)
    assert await journals.unneeded(a=journals.queue.next_offset, b=0) == journals.full
