"""What each store's own table of dead letters is told, and what it holds back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path

import pytest

from actors.dead_letters.mirror import changes
from actors.stores.base import OutageError
from actors.stores.memory import MemoryStore, MemoryTables
from journal.committer import Options
from journal.events import DeadLetterRetried, MetricDeadLettered
from journal.log import Journal
from journal.metric import Metric, Offset
from tests.actors.picky import Picky
from tests.actors.queueing import metrics, queue
from tests.process.composed import until
from web.letters import LetterFilter


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


@pytest.mark.slow
async def test_the_store_keeps_a_mirror(tmp_path: Path) -> None:
    """The table follows what becomes of each letter, and catches up after it could not be reached."""
    store = Picky(MemoryStore())
    store.mirror_fails = OutageError("memory", "gone")
    async with queue(tmp_path / "data", store) as it:
        await it.take(metrics(4, {0, 1, 2}))
        await it.settled()
        first, second, _ = it.port.page(LetterFilter(), 10, None).letters
        await it.port.discard(first.id)
        store.mirror_fails = None
        await until(lambda: len(store.mirrored) == 3, "the table holds them")
        store.refuses = False
        await it.port.redrive(second.id, None)
        await until(
            lambda: (
                [letter.status for letter in store.mirrored.values()] == ["discarded", "redriven", "pending"]
            ),
            "the table follows",
        )
        names = [letter.metric.name for letter in store.mirrored.values()]
        assert names == ["bad.0", "bad.1", "bad.2"]


@pytest.mark.slow
@pytest.mark.parametrize("older", [False, True], ids=["emptied", "older-copy"])
async def test_a_store_that_went_back_gets_its_mirror_again(tmp_path: Path, older: bool) -> None:
    """A table that was lost with its database, or put back to what it was, is told anew of every letter, and
    of the flags."""
    tables, home = MemoryTables(), tmp_path / "data"
    async with queue(home, Picky(MemoryStore(tables=tables))) as it:
        await it.take(metrics(10, {3}))
        await until(lambda: len(tables.letters) == 1, "the table holds the first")
        await it.settled()
        tables_then = deepcopy(tables) if older else MemoryTables()
        await it.take(metrics(20, {4, 7}))
        await until(lambda: len(tables.letters) == 3, "the table holds them all")
        await it.settled()
    async with queue(home, Picky(MemoryStore(tables=tables_then))) as it:
        await until(lambda: len(tables_then.letters) == 3, "it holds them again")
        await until(lambda: bool(tables_then.flags), "it has the flags")
        await it.settled()
        assert it.waiting == ["bad.3", "bad.4", "bad.7"]
        await it.balances()
