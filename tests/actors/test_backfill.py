"""Metrics from the journal as frames, where the journal does not have them all any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from actors.broadcast import LivePort, Subscribers
from journal.disk import OsFileSystem
from journal.events import pack_metrics
from journal.log import Journal, Options
from journal.metric import Metric, Offset
from journal.segment import MIN_BYTES, segment_name
from tests.journal.building import read_journal
from tests.web.memory import MemoryStatus
from web.ports import Frame, Gap, Metrics


async def journal_in(directory: Path, segments: int) -> Journal:
    """A journal of so many segments with metrics in them, 100 a record."""
    journal = await Journal.open(str(directory), options=Options(segment_bytes=MIN_BYTES))
    more = 3
    while more:
        await journal.append([pack_metrics([Metric("m", 1.0, source="x" * 40)] * 100)])
        more -= len(journal.segments) == segments
    return journal


def metrics_in(directory: Path) -> list[int]:
    """The offsets of the metrics that can be read from the journal's files."""
    found = read_journal(OsFileSystem(), str(directory))
    return [at for record in found if record.plain for at in range(record.base, record.next_offset)]


async def backfilled(frames: AsyncIterator[Frame]) -> tuple[list[int], list[Gap]]:
    """The offsets of the metrics in `frames`, which follow each other without a hole, and the gaps."""
    offsets, gaps, following = list[int](), list[Gap](), None
    async for frame in frames:
        said = msgspec.json.decode(frame.text, type=Gap | Metrics)
        assert following in (None, said.first_offset)
        following = said.last_offset + 1
        if isinstance(said, Gap):
            gaps.append(said)
        else:
            offsets += [metric.offset for metric in said.metrics]
    return offsets, gaps


async def test_what_is_retired_meanwhile_is_a_gap_and_the_rest_follows(tmp_path: Path) -> None:
    """Retention overtakes a slow reader: what is left of the journal comes all the same."""
    journal = await journal_in(tmp_path, 20)
    until = journal.next_offset
    frames = LivePort(Subscribers(Offset(0)), journal, MemoryStatus(), "").backfill(Offset(0), until)
    await anext(frames)
    await journal.retire([segment.first_offset for segment in journal.segments[:15]])
    offsets, [gap] = await backfilled(frames)
    assert (gap.last_offset + 1, gap.reason) == (journal.first_offset, "retired")
    assert [at for at in offsets if at > gap.last_offset] == [at for at in metrics_in(tmp_path) if at < until]
    await journal.close()


@pytest.mark.parametrize("damaged", [0, 1, 3])
async def test_a_damaged_part_is_a_gap_and_the_rest_follows(tmp_path: Path, damaged: int) -> None:
    """Up to the end of its segment: a page that asks for it hears what is before and behind."""
    journal = await journal_in(tmp_path, 4)
    segments, until = [*journal.segments, None], journal.next_offset
    there = metrics_in(tmp_path)
    begin, end = segments[damaged], segments[damaged + 1]
    assert begin is not None
    hit = [at for at in there if at > begin.first_offset][100]
    with (tmp_path / segment_name(begin.first_offset)).open("r+b") as file:
        records = [record for record in read_journal(OsFileSystem(), str(tmp_path)) if record.base == hit]
        file.seek(records[0].position + 60)
        file.write(bytes(64))
    port = LivePort(Subscribers(Offset(0)), journal, MemoryStatus(), "")
    offsets, [gap] = await backfilled(port.backfill(Offset(0), until))
    assert (gap.first_offset, gap.reason) == (hit, "damaged")
    assert gap.last_offset + 1 == (until if end is None else end.first_offset)
    assert offsets == [at for at in there if at < hit or at > gap.last_offset]
    await journal.close()
