"""Dead letters on their way back: who is told what, and what is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from actors.config import Settings
from actors.dead_letters.port import DeadLettersPort
from actors.dead_letters.redriving import Order, Redriving
from actors.messages import RedriveOne
from actors.stores.base import Row
from actors.stores.memory import MemoryStore
from journal.disk import OsFileSystem
from journal.events import pack_metrics
from journal.metric import Metric, Offset
from tests.actors.picky import Picky
from tests.journal.faults import FailingSync
from tests.process.composed import SEGMENT, Composed, composed, until
from web.letters import DeadLettersUnavailableError, Letter, LetterFilter, LetterUnderWayError


def settings(home: Path) -> Settings:
    return Settings(data=str(home), segment_bytes=SEGMENT)


def port_of(running: Composed) -> DeadLettersPort:
    port = running.forebay.dead_letters_port()
    assert isinstance(port, DeadLettersPort)
    return port


async def buried(running: Composed, *metrics: Metric) -> list[Letter]:
    """Have the store refuse `metrics`; return their letters."""
    await running.journal.append([pack_metrics(metrics)])
    port = port_of(running)
    await until(lambda: port.page(LetterFilter(), 1, None).pending == len(metrics), "they are dead letters")
    await until(lambda: running.forebay.status.report().stores[0].lag == 0, "the cursor is past them")
    return port.page(LetterFilter(), 1_000, None).letters


async def test_what_cannot_be_written_down_is_not_redriven(tmp_path: Path) -> None:
    """With the queue's disk failing the letter stays, whoever asked is told that it is queued, and the
    account does not move; once the disk is well it is redriven by itself, and counted once."""
    disk = FailingSync(OsFileSystem())
    store = Picky(MemoryStore())
    home = tmp_path / "data"
    async with composed(home, [store], settings=settings(home), fs=disk) as running:
        [letter] = await buried(running, Metric("bad", 1.0))
        status = running.forebay.status.report
        store.refuses, disk.failing = False, True
        assert (await port_of(running).redrive(letter.id, None)).outcome == "queued"
        assert (status().stores[0].persisted, status().stores[0].dead_lettered) == (0, 1)
        assert status().dead_letters.redriven == 0
        disk.failing = False
        await until(lambda: status().dead_letters.pending == 0, "it is redriven")
        await until(lambda: status().stores[0].persisted == 1, "it is counted")
        assert (status().stores[0].dead_lettered, status().dead_letters.redriven) == (0, 1)


async def test_an_edit_keeps_the_letters_time(tmp_path: Path) -> None:
    """Over HTTP another time is a 400 that names the field, and the letter stays; without one the metric is
    stored with the letter's."""
    store = Picky(MemoryStore())
    home = tmp_path / "data"
    async with composed(home, [store], settings=settings(home)) as running, running.client() as client:
        [letter] = await buried(running, Metric("bad", 1.0, time=7))
        url = f"/api/dead-letters/{letter.id}/redrive"
        refused = await client.post(url, json={"metric": {"name": "mended", "value": 1, "time": 8}})
        assert refused.status_code == 400
        assert [problem["field"] for problem in refused.json()["errors"]] == ["time"]
        assert port_of(running).page(LetterFilter(), 1, None).pending == 1
        mended = await client.post(url, json={"metric": {"name": "mended", "value": 1}})
        assert (mended.status_code, mended.json()["outcome"]) == (200, "redriven")
        rows = [row async for run in store.rows(letter.offset, Offset(letter.offset + 1)) for row in run]
        assert [(row.metric.name, row.metric.time) for row in rows] == [("mended", 7)]


class Gated(Picky):
    """Each write of rows waits at a closed `gate`; `reached` says that one does."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.gate, self.reached = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
        if rows and not self.gate.is_set():
            self.reached.set()
            await self.gate.wait()
        await super().write(rows, cursor)


async def test_a_letter_under_way_is_neither_edited_nor_discarded(tmp_path: Path) -> None:
    """Who tries is told to ask again, not that it is gone, or that the edit is stored."""
    store = Gated(MemoryStore())
    home = tmp_path / "data"
    async with composed(home, [store], settings=settings(home)) as running:
        [letter] = await buried(running, Metric("bad", 1.0))
        port = port_of(running)
        store.refuses = False
        store.gate.clear()
        plain = asyncio.create_task(port.redrive(letter.id, None))
        await asyncio.wait_for(store.reached.wait(), 60)
        with pytest.raises(LetterUnderWayError, match=str(letter.id)):
            await port.redrive(letter.id, Metric("mended", 2.0))
        with pytest.raises(LetterUnderWayError, match="on its way"):
            await port.discard(letter.id)
        store.gate.set()
        assert (await plain).outcome == "redriven"
        rows = [row async for run in store.rows(letter.offset, Offset(letter.offset + 1)) for row in run]
        assert [row.metric.name for row in rows] == ["bad"]


async def test_letters_of_a_store_that_is_gone_are_not_promised(tmp_path: Path) -> None:
    """Redriving them, one or all, says which store is missing, and keeps no order; they stay."""
    home = tmp_path / "data"
    async with composed(home, [Picky(MemoryStore("old"))], settings=settings(home)) as running:
        [letter] = await buried(running, Metric("bad", 1.0))
    async with composed(home, [MemoryStore("new")], settings=settings(home)) as running:
        port = port_of(running)
        with pytest.raises(DeadLettersUnavailableError, match="store old"):
            await port.redrive(letter.id, None)
        for dry_run in (True, False):
            with pytest.raises(DeadLettersUnavailableError, match="store old"):
                await port.redrive_all(LetterFilter(), dry_run=dry_run, rate=None)
        assert port.page(LetterFilter(), 1, None).pending == 1


def ordered(count: int, rate: float | None, *, first: int = 0) -> list[Order]:
    return [Order(Offset(at), True, rate=rate) for at in range(first, first + count)]


def test_a_rate_holds_whatever_else_is_ordered() -> None:
    """What comes without one passes; what goes at a rate goes at that rate all the same, weather or not."""
    redriving = Redriving()
    for order in ordered(500, 40.0):
        assert redriving.add(order)
    sent: list[Offset] = []
    for tick in range(1, 41):
        now = tick / 4
        redriving.add(Order(Offset(tick), False))
        redriving.add(Order(Offset(1_000 + tick), False))
        while taken := redriving.take(now):
            sent += [order.id for order in taken]
            redriving.returned({order.id for order in taken}, now)
    assert sorted(each for each in sent if each > 1_000) == list(range(1_001, 1_041))
    assert 380 <= sum(each < 500 for each in sent) <= 440


def test_an_edit_is_stored_or_refused_never_forgotten() -> None:
    """It takes the place of a plain order that waits; it is refused where another is awaited, or is out."""
    redriving, asker = Redriving(), RedriveOne(Offset(1))
    first, second = Metric("a", 1.0), Metric("b", 2.0)
    redriving.add(Order(Offset(1), False))
    assert redriving.add(Order(Offset(1), True, first, askers=(asker,)))
    assert not redriving.add(Order(Offset(1), True, second))
    assert [order.edited for order in redriving.take(1.0)] == [first]
    assert not redriving.add(Order(Offset(1), True, second))
    redriving.returned(set(), 1.0)
    assert [order.edited for order in redriving.take(10.0)] == [first]
