"""What each store's own table of dead letters is told, and what it holds back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.dead_letters.mirror import changes
from journal.committer import Options
from journal.events import DeadLetterRetried, MetricDeadLettered
from journal.log import Journal
from journal.metric import Metric, Offset


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = await Journal.open(str(tmp_path), options=Options(segment_bytes=64 * 1024))
    yield journal
    await journal.close()


def letter(store: str, at: int) -> MetricDeadLettered:
    return MetricDeadLettered(store, Offset(at), 1, Metric(f"{store}.{at}", 1.0), "check", "e", 1, 1)


async def test_a_table_holds_the_letters_of_its_own_store(journal: Journal) -> None:
    """A letter of another store that was retried is none of its business, though the event names no store."""
    await journal.append([letter("a", 1), letter("b", 2)])
    first, second = journal.state.dead_letters
    after_burial = journal.next_offset
    await journal.append(
        [DeadLetterRetried(first, "check", "again"), DeadLetterRetried(second, "check", "again")]
    )
    for start in (Offset(0), after_burial):
        told = {store: await changes(journal, store, start, journal) for store in ("a", "b", "c")}
        offsets = {store: [row.offset for row in told[store].letters] for store in told}
        assert offsets == {"a": [1], "b": [2], "c": []}
        assert {row.attempts for store in told for row in told[store].letters} == {2}
