"""An audit while the process goes on: what happens meanwhile is no finding."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from actors.audit import Audit, audit
from actors.cli.audit_report import describe
from actors.stores.base import Row
from actors.stores.memory import MemoryStore, MemoryTables
from journal.committer import Options
from journal.events import DeadLettersRedriven, MetricDeadLettered, pack_metrics
from journal.log import Journal
from journal.metric import Metric, Offset
from tests.actors.wrapped import Wrapped

BATCH = 1_000


class Live:
    """A journal that is open, a store that holds all of it, and something to do once while that is read."""

    def __init__(self, journal: Journal, home: Path) -> None:
        self.journal = journal
        self.home = home
        self.tables = MemoryTables()
        self.store = MemoryStore(tables=self.tables)
        self.accepted = 0

    async def take(self, count: int = BATCH) -> None:
        """Accept so many metrics, and store them."""
        metrics = [Metric("m", float(at), attributes={"pad": "x" * 400}) for at in range(count)]
        await self.journal.prepare()
        done = await self.journal.append([pack_metrics(metrics)])
        rows = [Row(Offset(at), done.time, metric) for at, metric in enumerate(metrics, done.first_offset)]
        await self.store.open(str(self.journal.id))
        await self.store.write(rows, self.journal.next_offset)
        self.accepted += count

    async def audited(self, meanwhile: Callable[[], Awaitable[object]]) -> Audit:
        """The audit, with `meanwhile` happening when the store is first asked for rows."""
        store = Interrupted(MemoryStore(tables=self.tables), meanwhile)
        letters = str(self.home / "dead-letters")
        result = await audit(self.journal.directory, letters, [store])
        assert store.interrupted
        [account] = result.stores
        assert result.accepted == account.persisted + account.dead_lettered + account.pending
        return result


class Interrupted(Wrapped):
    """Something happens before the store is asked for rows the first time."""

    def __init__(self, store: MemoryStore, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(store)
        self._meanwhile = meanwhile
        self.interrupted = False
        self.rows = self._rows

    async def _rows(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Row]]:
        if not self.interrupted:
            self.interrupted = True
            await self._meanwhile()
        async for run in self._store.rows(start, until):
            yield run


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    options = Options(1024 * 1024)
    journal = await Journal.open(str(tmp_path / "journal"), options=options)
    live = Live(journal, tmp_path)
    while len(journal.segments) < 6:
        await live.take()
    yield live
    await journal.close()


async def test_what_is_accepted_and_stored_meanwhile_is_not_extra(live: Live) -> None:
    """However much it is; it is in the account as far as the journal was read."""

    async def more() -> None:
        for _ in range(5):
            await live.take()

    result = await live.audited(more)
    assert result.balances, result
    assert result.accepted in (live.accepted, live.accepted - 5 * BATCH)


async def test_what_is_stored_beyond_the_journals_end_as_it_is_read_is_not_extra(live: Live) -> None:
    """The look behind the end comes after the end was found: what came in between is in the journal."""
    first = MemoryStore(tables=live.tables)

    class Growing(Wrapped):
        """Everything that is asked for from the end on has just come."""

        def __init__(self) -> None:
            super().__init__(first)
            self.offsets = self._offsets

        async def _offsets(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Offset]]:
            await live.take()
            async for run in self._store.offsets(start, until):
                yield run

    before = live.accepted
    result = await audit(live.journal.directory, str(live.home / "dead-letters"), [Growing()])
    assert live.accepted == before + BATCH
    assert (result.balances, result.accepted) == (True, before)


async def test_a_foreign_row_far_beyond_the_end_is_extra_beside_a_process_that_goes_on(live: Live) -> None:
    """And only that one, however much comes meanwhile."""
    row = next(iter(live.tables.metrics[str(live.journal.id)].values()))
    live.tables.metrics[str(live.journal.id)][Offset(2**40)] = row._replace(offset=Offset(2**40))
    result = await live.audited(live.take)
    [account] = result.stores
    assert (account.extra.count, account.extra.ranges[0].first) == (1, 2**40)


@pytest.mark.parametrize("retired", [1, 3, 5])
async def test_segments_that_are_retired_meanwhile_are_counted_and_told(live: Live, retired: int) -> None:
    """The audit goes on from where the journal begins now; nothing is missing for it."""
    gone = [segment.first_offset for segment in live.journal.segments[:retired]]
    result = await live.audited(lambda: live.journal.retire(gone))
    assert result.balances, result
    assert result.stores[0].persisted == result.accepted == live.accepted
    if retired > 1:
        [(start, until)] = result.skipped
        assert until == live.journal.first_offset
        assert (
            0
            < result.retired
            == sum(start <= offset < until for offset in live.tables.metrics[str(live.journal.id)])
        )
        assert f"retention took offsets {start:,}-{until - 1:,}" in describe(result)


async def test_what_is_lacking_among_what_is_retired_meanwhile_is_missing(live: Live) -> None:
    """Not named, but counted."""
    gone = [segment.first_offset for segment in live.journal.segments[:5]]
    lacking = Offset(gone[4] + 5)
    del live.tables.metrics[str(live.journal.id)][lacking]

    store = Interrupted(MemoryStore(tables=live.tables), lambda: live.journal.retire(gone))
    result = await audit(live.journal.directory, str(live.home / "dead-letters"), [store])
    [account] = result.stores
    assert (account.missing.count, account.unseen, result.balances) == (1, 1, False)


@pytest.mark.parametrize("meanwhile", [True, False])
async def test_a_letter_that_a_person_edited_is_accepted_and_counted(live: Live, meanwhile: bool) -> None:
    """Before the audit, or while it runs: the queue's journal says what the store was given instead."""
    queue = await Journal.open(str(live.home / "dead-letters"))
    held = live.tables.metrics[str(live.journal.id)]
    row = next(row for row in held.values() if row.offset > BATCH // 2)
    edited = replace(row.metric, value=-1.0, attributes={})
    letter = MetricDeadLettered("memory", row.offset, row.accepted_at, row.metric, "check", "refused")
    await queue.append([letter])
    id_ = Offset(queue.next_offset - 1)

    async def redrive() -> None:
        held[row.offset] = row._replace(metric=edited)
        await queue.append([DeadLettersRedriven("memory", [id_], "hand", edited)])

    async def nothing() -> None:
        pass

    if meanwhile:
        del held[row.offset]
    else:
        await redrive()
    result = await live.audited(redrive if meanwhile else nothing)
    await queue.close()
    assert (result.balances, result.stores[0].edited) == (True, 1)
    assert "1 of them as a person edited them" in describe(result)


async def test_a_store_that_is_behind_is_pending_beside_the_process(live: Live) -> None:
    """What it is given meanwhile is found, and the rest still pending; nothing is missing."""
    store = MemoryStore(tables=live.tables)
    done = await live.journal.append([pack_metrics([Metric("late", 1.0)] * BATCH)])
    await store.open(str(live.journal.id))

    async def some() -> None:
        rows = [Row(Offset(done.first_offset + at), done.time, Metric("late", 1.0)) for at in range(10)]
        await store.write(rows, Offset(done.first_offset + 10))

    result = await live.audited(some)
    [account] = result.stores
    assert (account.pending, account.missing.count) == (BATCH - 10, 0)
    assert account.persisted == live.accepted + 10
