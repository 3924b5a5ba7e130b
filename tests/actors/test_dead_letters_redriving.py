"""Dead letters on their way back: who is told what, and what is written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.config import Settings
from actors.dead_letters.port import DeadLettersPort
from actors.stores.memory import MemoryStore
from journal.disk import OsFileSystem
from journal.events import pack_metrics
from journal.metric import Metric, Offset
from tests.actors.picky import Picky
from tests.journal.faults import FailingSync
from tests.process.composed import SEGMENT, Composed, composed, until
from web.letters import Letter, LetterFilter


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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
