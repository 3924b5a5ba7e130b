"""Counting what was accepted before an offset, wherever it lies."""

from __future__ import annotations

from pathlib import Path

from journal.events import pack_metrics
from journal.log import Journal, Options
from journal.metric import Metric, Offset
from journal.reader import accepted_before


async def test_accepted_before_every_offset(tmp_path: Path) -> None:
    """Also at the very head of a segment, where only the snapshot knows what was before."""
    journal = await Journal.open(str(tmp_path / "journal"), options=Options(segment_bytes=8192))
    metrics_at: set[int] = set()
    while len(journal.segments) < 4:
        first = (await journal.append([pack_metrics([Metric("a", 1.0)] * 7)])).first_offset
        metrics_at |= set(range(first, first + 7))
    end, heads = journal.next_offset, [segment.first_offset for segment in journal.segments]
    for offset in {*heads, *(head + 1 for head in heads), *range(0, end, 11), end}:
        expected = sum(at < offset for at in metrics_at)
        assert await accepted_before(journal.directory, Offset(offset)) == expected
    await journal.close()
