"""What an audit must find in every store, whatever somebody has done to its tables by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from actors.audit import Audit, audit
from actors.core.differing import Differing, Range
from actors.core.rows import rows_of
from actors.stores.base import HistoryStore, Row
from journal.events import MetricsAsSent, pack_metrics
from journal.log import Journal
from journal.metric import Metric, Offset
from journal.reader import reading

Execute = Callable[[str], Awaitable[None]]
"""Runs SQL in the database behind the store: its tables are `metrics`, its columns those of the contract."""

METRICS = [
    Metric("plain", 1.0),
    Metric("zero", -0.0, 5),
    Metric("huge", 1.7976931348623157e308, -1),
    Metric("text", 0.1, kind="counter", unit="µs", source="worker-1 \U0001f600", session="s'1\"\\"),
    Metric("attributes", 2.0, attributes={"b": True, "a": 1, "c": 1.0, "d": "é", "e": 2**63 - 1}),
]
AS_SENT = b'[{"name": "sent", "value": 3, "attributes": {"z": 1.50, "y": "x"}}]'
LAST = 10_000


class AuditContract:
    """Cases for an audit of a store that `connect` makes, through which `execute` reaches."""

    @pytest.fixture
    def connect(self) -> Callable[[], HistoryStore]:
        raise NotImplementedError

    @pytest.fixture
    def execute(self) -> Execute:
        raise NotImplementedError

    @pytest.fixture
    async def home(self, tmp_path: Path, connect: Callable[[], HistoryStore]) -> Path:
        """A journal, and the store that was given all of it."""
        journal = await Journal.open(str(tmp_path / "journal"))
        await journal.append([pack_metrics(METRICS)])
        await journal.append([MetricsAsSent(AS_SENT, 1, key="k")])
        await journal.append([pack_metrics([replace(METRICS[0], value=float(at)) for at in range(LAST)])])
        self.end, journal_id = journal.next_offset, str(journal.id)
        rows: list[Row] = []
        async with reading(journal.directory, Offset(0)) as reader:
            while records := await reader.read():
                rows += [row for record in records for row in rows_of(record, Offset(0))]
        await journal.close()
        self.first = rows[0].offset
        store = connect()
        await store.open(journal_id)
        for at in range(0, len(rows), 1_000):
            some = rows[at : at + 1_000]
            await store.write(some, Offset(some[-1].offset + 1))
        await store.write([], Offset(self.end))
        await store.close()
        return tmp_path

    async def audited(self, home: Path, connect: Callable[[], HistoryStore], *, quick: bool = False) -> Audit:
        store = connect()
        try:
            return await audit(str(home / "journal"), str(home / "dead-letters"), [store], quick=quick)
        finally:
            await store.close()

    @pytest.mark.parametrize("quick", [True, False])
    async def test_what_was_stored_balances(
        self, home: Path, connect: Callable[[], HistoryStore], quick: bool
    ) -> None:
        """Whatever the metrics are: what a store gives back is what the journal has."""
        result = await self.audited(home, connect, quick=quick)
        assert result.balances, result.stores[0].differences
        assert result.stores[0].persisted == result.accepted == len(METRICS) + 1 + LAST

    @pytest.mark.parametrize(
        ("field", "change"),
        [
            ("name", "name = 'other'"),
            ("value", "value = 99.5"),
            ("kind", "kind = 'timer'"),
            ("unit", "unit = 'B'"),
            ("source", "source = 'me'"),
            ("session", "session = 'mine'"),
            ("attributes", "attributes = '{\"a\": [1, null]}'"),
        ],
    )
    async def test_a_row_changed_by_hand_differs(
        self, home: Path, connect: Callable[[], HistoryStore], execute: Execute, field: str, change: str
    ) -> None:
        """It is named, with what differs; its neighbours do not."""
        at = self.first + 3
        await execute(f'UPDATE metrics SET {change} WHERE "offset" = {at}')
        [account] = (await self.audited(home, connect)).stores
        assert account.differing == Differing(1, (Range(Offset(at), Offset(at)),))
        [difference] = account.differences
        assert (difference.offset, [each.field for each in difference.fields]) == (at, [field])
        assert (account.balances, account.missing.count, account.extra.count) == (False, 0, 0)
        assert (await self.audited(home, connect, quick=True)).balances

    async def test_rows_gone_and_rows_added_by_hand_are_missing_and_extra(
        self, home: Path, connect: Callable[[], HistoryStore], execute: Execute
    ) -> None:
        """By their offsets, within the journal's and beyond its end."""
        gone, far = self.first + 1, 2**50
        await execute(f'DELETE FROM metrics WHERE "offset" = {gone}')
        for old, new in ((self.first, self.first - 1), (self.first + 2, self.end), (self.first + 4, far)):
            await execute(f'UPDATE metrics SET "offset" = {new} WHERE "offset" = {old}')
        for quick in (True, False):
            [account] = (await self.audited(home, connect, quick=quick)).stores
            assert [run.first for run in account.extra.ranges] == [self.first - 1, self.end, far]
            assert account.extra.count == 3
            assert (account.missing.count, account.differing.count) == (4, 0)
            assert account.missing.ranges[0] == Range(Offset(self.first), Offset(self.first + 2))
