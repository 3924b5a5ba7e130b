"""The account of a journal whose oldest segments are gone: what the store holds of them is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from actors.audit import Audit, audit
from actors.cli.audit_report import describe
from actors.stores.base import Row
from actors.stores.memory import MemoryStore, MemoryTables
from actors.stores.sqlite import SqliteStore
from journal.committer import Options
from journal.events import pack_metrics
from journal.log import Journal
from journal.metric import Metric, Nanoseconds, Offset
from tests.actors.wrapped import Wrapped

BATCH = 1_000


class Aged(NamedTuple):
    """A journal that has retired its beginning, and every row that was ever accepted."""

    home: Path
    journal_id: str
    first: Offset
    next_offset: Offset
    rows: list[Row]

    async def audit(
        self, store: Wrapped | MemoryStore, *, keep_days: float | None = None, quick: bool = False
    ) -> Audit:
        journal, letters = str(self.home / "journal"), str(self.home / "dead-letters")
        return await audit(journal, letters, [store], keep_days=keep_days, quick=quick)

    async def given(self, store: MemoryStore | SqliteStore, rows: Sequence[Row]) -> None:
        """Let `store` hold `rows` alone, and have passed everything."""
        await store.open(self.journal_id)
        await store.write(rows, self.next_offset)

    @property
    def old(self) -> list[Row]:
        return [row for row in self.rows if row.offset < self.first]


async def appended(journal: Journal, metrics: Sequence[Metric]) -> tuple[Offset, Nanoseconds]:
    done = await journal.append([pack_metrics(metrics)])
    return done.first_offset, done.time


@pytest.fixture
async def aged(tmp_path: Path) -> Aged:
    journal = await Journal.open(str(tmp_path / "journal"), options=Options(1024 * 1024))
    metrics = [Metric("m", float(at), attributes={"pad": "x" * 400}) for at in range(BATCH)]
    rows: list[Row] = []
    while len(journal.segments) < 4:
        await journal.prepare()
        first, time = await appended(journal, metrics)
        rows += [Row(Offset(at), time, metric) for at, metric in enumerate(metrics, first)]
    await journal.retire([segment.first_offset for segment in journal.segments[:2]])
    aged = Aged(tmp_path, str(journal.id), journal.first_offset, journal.next_offset, rows)
    await journal.close()
    assert BATCH < len(aged.old) < len(rows)
    return aged


async def test_what_is_retired_is_persisted_where_the_store_holds_it(aged: Aged) -> None:
    """Every store that has been there from the beginning balances."""
    store = MemoryStore()
    await aged.given(store, aged.rows)
    result = await aged.audit(store)
    assert result.balances, result
    assert (result.accepted, result.retired) == (len(aged.rows), len(aged.old))
    assert result.stores[0].persisted == result.accepted
    assert result.stores[0].unseen == 0


@pytest.mark.parametrize("lost", [1, BATCH])
async def test_what_is_retired_and_not_in_the_store_is_missing(aged: Aged, lost: int) -> None:
    """A copy put back, or a store added when the beginning was gone: its cursor is past the gap, and nothing
    will ever fill that; people are told how many and where."""
    store = MemoryStore()
    await aged.given(store, aged.rows[lost:])
    result = await aged.audit(store)
    (account,) = result.stores
    assert not result.balances
    assert (account.missing.count, account.unseen) == (lost, lost)
    assert account.persisted + account.missing.count == result.accepted
    told = describe(result)
    assert "DOES NOT BALANCE" in told
    assert f"{lost:,} from before offset {aged.first:,}" in told
    assert max(map(len, told.splitlines())) <= 80


async def test_a_store_never_written_to_lacks_all_that_is_retired(aged: Aged) -> None:
    """What the journal still has is pending; the rest it can never be given."""
    result = await aged.audit(MemoryStore())
    (account,) = result.stores
    assert (account.missing.count, account.persisted) == (len(aged.old), 0)
    assert account.pending == len(aged.rows) - len(aged.old)
    assert not result.balances


async def test_a_store_that_drops_what_is_old_owes_nothing_of_it(aged: Aged) -> None:
    """With store_keep_days nobody can tell what was dropped from what never came: it is told."""
    store = MemoryStore()
    await aged.given(store, aged.rows[BATCH:])
    result = await aged.audit(store, keep_days=10_000)
    assert result.balances
    assert (result.stores[0].persisted, result.stores[0].unseen) == (result.accepted, BATCH)
    assert "1,000 from before offset" in describe(result)


class Doubling(Wrapped):
    """A store in which some offsets are twice, as in a table whose key somebody has dropped."""

    def __init__(self, store: MemoryStore, twice: set[Offset]) -> None:
        super().__init__(store)
        self._twice = twice
        self.offsets = self._doubled_offsets
        self.rows = self._doubled

    async def _doubled(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Row]]:
        held = [row async for run in self._store.rows(start, until) for row in run]
        again = [row for row in held if row.offset in self._twice]
        doubled = sorted([*held, *again], key=lambda row: row.offset)
        # Cut where it hurts: between the two.
        for at in range(0, len(doubled), 3):
            yield doubled[at : at + 3]

    async def _doubled_offsets(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Offset]]:
        async for run in self._doubled(start, until):
            yield [row.offset for row in run]


@pytest.mark.parametrize("quick", [True, False])
async def test_what_is_stored_twice_is_extra_retired_or_not(aged: Aged, quick: bool) -> None:
    """Each is named, and makes up for no metric that is missing."""
    tables = MemoryTables()
    store = MemoryStore(tables=tables)
    old, new = aged.rows[5].offset, aged.rows[-5].offset
    await aged.given(store, [row for row in aged.rows if row is not aged.rows[7]])
    result = await aged.audit(Doubling(store, {old, new}), quick=quick)
    (account,) = result.stores
    assert [run.first for run in account.extra.ranges] == [old, new]
    assert (account.extra.count, account.missing.count) == (2, 1)
    assert not result.balances
