"""Live frames through a real WebSocket of the composed tree."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from actors.messages import Arrived
from actors.stores.memory import MemoryStore, MemoryTables
from journal.metric import Offset
from tests.process.composed import Composed, composed, until

pytestmark = pytest.mark.slow


def live(running: Composed, start: int | None = None) -> connect:
    query = "" if start is None else f"?from={start}"
    return connect(running.forebay.url.replace("http", "ws") + f"/api/live{query}", proxy=None, max_size=None)


async def frame(wire: ClientConnection, kind: str) -> dict[str, Any]:
    """The next frame of this type."""
    async with asyncio.timeout(60):
        while (found := json.loads(await wire.recv()))["type"] != kind:
            pass
    return found


async def offsets(wire: ClientConnection, last: int) -> list[int]:
    """The offsets of the metrics that come, until `last` has come; a gap is asked for."""
    seen: list[int] = []
    async with asyncio.timeout(60):
        while last not in seen:
            found = json.loads(await wire.recv())
            if found["type"] == "metrics":
                seen += [metric["offset"] for metric in found["metrics"]]
            elif found["type"] == "gap":
                ask = {key: found[key] for key in ("first_offset", "last_offset")}
                await wire.send(json.dumps({"type": "backfill", **ask}))
    return seen


async def test_every_metric_arrives_once(tmp_path: Path) -> None:
    """Under load, with requests of all sizes: each offset once, with the metric that has it."""
    async with composed(tmp_path / "data", [MemoryStore()]) as running, live(running) as wire:
        await frame(wire, "hello")
        receipts = [await running.offer(count) for count in (1, 10, 3000, 1, 500) * 4]
        wanted = [at for each in receipts for at in range(each.first_offset, each.last_offset + 1)]
        seen = await offsets(wire, wanted[-1])
    assert sorted(seen) == wanted
    assert len(seen) == len(set(seen))


async def test_backfill_goes_on_across_a_restart(tmp_path: Path) -> None:
    """from=0 after a restart: the metrics of before, then those that come, each once and in order."""
    tables = MemoryTables()
    wanted: list[int] = []
    for _ in range(3):
        async with composed(tmp_path / "data", [MemoryStore(tables=tables)]) as running:
            for count in (5, 700, 1):
                receipt = await running.offer(count)
                wanted += range(receipt.first_offset, receipt.last_offset + 1)
            async with live(running, 0) as wire:
                await frame(wire, "hello")
                receipt = await running.offer(3)
                wanted += range(receipt.first_offset, receipt.last_offset + 1)
                assert await offsets(wire, wanted[-1]) == wanted


async def test_joining_in_the_middle_of_a_stream(tmp_path: Path) -> None:
    """A subscriber that comes while metrics flow, from offset 0, misses none and gets none twice."""
    async with composed(tmp_path / "data", [MemoryStore()]) as running:
        wanted: list[int] = []

        async def stream() -> None:
            for _ in range(150):
                receipt = await running.offer(40)
                wanted.extend(range(receipt.first_offset, receipt.last_offset + 1))

        streaming = asyncio.create_task(stream())
        await until(lambda: len(wanted) > 1000, "the stream flows")
        async with live(running, 0) as wire:
            await streaming
            seen = await offsets(wire, wanted[-1])
        assert sorted(seen) == wanted


async def test_live_frames_tell_when_they_were_made(tmp_path: Path) -> None:
    """A live frame carries the moment between sending and receiving; the same metrics backfilled do not."""
    async with composed(tmp_path / "data", [MemoryStore()]) as running:
        async with live(running) as wire:
            await frame(wire, "status")  # the subscriber is there
            before = time.time_ns()
            await running.offer(10)
            assert before <= (await frame(wire, "metrics"))["at"] <= time.time_ns()
        async with live(running, 0) as wire:
            assert "at" not in await frame(wire, "metrics")


async def test_frames_over_http_are_those_of_a_backfill(tmp_path: Path) -> None:
    """GET /api/frames answers with the very texts that the WebSocket backfills with."""
    async with composed(tmp_path / "data", [MemoryStore()]) as running:
        last = [await running.offer(count) for count in (3, 4500, 1)][-1].last_offset
        async with live(running) as wire, running.client() as client:
            await frame(wire, "status")  # the subscriber is there
            live_one = (await running.offer(1)).last_offset
            while (await frame(wire, "metrics"))["last_offset"] < live_one:
                pass
            asked = {"first_offset": 1, "last_offset": last}
            answer = await client.get("/api/frames", params=asked)
            await wire.send(json.dumps({"type": "backfill", **asked}))
            texts: list[str] = []
            async with asyncio.timeout(60):
                while not texts or json.loads(texts[-1])["last_offset"] < last:
                    if (text := str(await wire.recv())).startswith('{"type":"metrics"'):
                        texts.append(text)
    assert answer.text.splitlines() == texts
    assert len(texts) == 3


async def test_a_crash_of_the_broadcast_is_a_gap_at_most(tmp_path: Path) -> None:
    """What it had not sent is told of as a gap, and can be had from the journal."""
    async with composed(tmp_path / "data", [MemoryStore()]) as running, live(running) as wire:
        await frame(wire, "hello")
        first = await running.offer(10)
        running.forebay.system.ref("broadcast").try_tell(Arrived(0, Offset(0), Offset(1), 0, None))  # type: ignore[arg-type]
        for _ in range(3):
            await running.offer(10)
        await until(lambda: running.actor("broadcast").restarts, "broadcast is restarted")
        last = await running.offer(10)
        seen = await offsets(wire, last.last_offset)
        while len(set(seen)) < 50:
            seen += await offsets(wire, min(set(range(first.first_offset, last.last_offset)) - set(seen)))
        assert running.actor("ingest").restarts == 0


async def test_goodbye_comes_before_the_end(tmp_path: Path) -> None:
    """At shutdown a subscriber is told, with the time to come back."""
    async with composed(tmp_path / "data", [MemoryStore()]) as running:
        wire = await live(running).__aenter__()
        await frame(wire, "hello")
        listening = asyncio.create_task(frame(wire, "goodbye"))
    goodbye = await listening
    assert goodbye["reconnect_after"] > 0
    await wire.close()


async def test_status_frames_come_by_the_second(tmp_path: Path) -> None:
    """They hold what GET /api/status says."""
    async with composed(tmp_path / "data", [MemoryStore()]) as running, live(running) as wire:
        await running.offer(7)
        # One that was on its way before may still come first.
        found = await frame(wire, "status")
        if found["status"]["accepted"] == 0:
            found = await frame(wire, "status")
        assert found["status"]["accepted"] == 7
        async with running.client() as client:
            answer = (await client.get("/api/status")).json()
        assert answer.keys() == found["status"].keys()
