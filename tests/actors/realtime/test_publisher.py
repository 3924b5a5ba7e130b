"""The publisher in the composed tree, against the Realtime peer over real HTTP."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from actors.realtime import part, publisher
from tests.actors.realtime.running import Running, project, publishing
from tests.process.composed import until
from tests.realtime.faults import Limits
from tests.realtime.peer import RealtimePeer
from tests.supabase.keys import Keys

pytestmark = pytest.mark.slow


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs and waits of tests."""
    monkeypatch.setattr(part, "THRESHOLD", 2)
    monkeypatch.setattr(publisher, "THROTTLED_FOR", 0.2)
    defaults = {"timeout": 0.3, "hold": 0.3}
    monkeypatch.setattr(part.RealtimePart.__init__, "__kwdefaults__", defaults)


async def publish_again(running: Running) -> None:
    """Offer metrics until one is published, as a client that goes on does."""
    async with asyncio.timeout(60):
        while True:
            receipt = await running.forebay.offer(1)
            if receipt.last_offset in running.offsets():
                return
            await asyncio.sleep(0.05)


async def test_what_is_published_is_what_the_websocket_sends(
    tmp_path: Path, peer: RealtimePeer, keys: Keys
) -> None:
    """Metric by metric, by offset, both transports carry the same; status frames come on both."""
    async with publishing(tmp_path / "data", peer, keys) as running:
        url = running.forebay.forebay.url.replace("http", "ws") + "/api/live"
        async with connect(url, proxy=None, max_size=None) as wire:
            await wire.recv()
            receipts = [await running.forebay.offer(count) for count in (1, 10, 3000, 1, 500)]
            wanted = [at for each in receipts for at in range(each.first_offset, each.last_offset + 1)]
            sent: list[dict[str, Any]] = []
            async with asyncio.timeout(60):
                while len(sent) < len(wanted):
                    frame = json.loads(await wire.recv())
                    sent += frame.get("metrics", [])
            await until(lambda: len(running.offsets()) == len(wanted), "all is published")
            await until(lambda: running.frames("status"), "the status is published")
        published = [metric for frame in running.frames("metrics") for metric in frame["metrics"]]
        assert published == sent
        assert [metric["offset"] for metric in published] == wanted
    assert running.frames()[-1]["type"] == "goodbye"


async def test_the_limits_are_kept_at_10000_metrics_a_second(
    tmp_path: Path, peer: RealtimePeer, keys: Keys
) -> None:
    """At the rate and size that are set no second has more messages and no message is larger, and every
    metric is published."""
    changes = {"realtime_messages_per_second": 20, "realtime_payload_bytes": 60_000}
    async with publishing(tmp_path / "data", peer, keys, **changes) as running:
        wanted = list[int]()
        began = time.monotonic()
        for n in range(200):
            receipt = await running.forebay.offer(100)
            wanted += range(receipt.first_offset, receipt.last_offset + 1)
            await asyncio.sleep(max(0.0, began + n * 0.01 - time.monotonic()))
        await until(lambda: running.offsets() and running.offsets()[-1] == wanted[-1], "the last metric")
        assert running.offsets() == wanted
        times = [each.at for each in peer.hub.published]
        assert max(sum(begin <= at < begin + 0.95 for at in times) for begin in times) <= 20
        assert max(each.size for each in peer.hub.published) <= 60_000


async def test_more_than_the_limits_allow_is_a_gap(tmp_path: Path, peer: RealtimePeer, keys: Keys) -> None:
    """Where a message a second cannot carry it all, each offset is in a metrics frame or in a gap, in order,
    and ingest has taken everything."""
    changes = {"realtime_messages_per_second": 2, "realtime_payload_bytes": 8192}
    async with publishing(tmp_path / "data", peer, keys, **changes) as running:
        first = last = -1
        for _ in range(100):
            receipt = await running.forebay.offer(50)
            first, last = first if first >= 0 else receipt.first_offset, receipt.last_offset
            await asyncio.sleep(0.01)

        def told() -> int:
            return max(
                (frame["last_offset"] for frame in running.frames() if "last_offset" in frame), default=-1
            )

        await until(lambda: told() >= last, "the last offset is told of", seconds=20)
        told_of = [frame for frame in running.frames() if frame["type"] in ("metrics", "gap")]
    assert any(frame["type"] == "gap" for frame in told_of)
    assert told_of[0]["first_offset"] <= first
    for one, other in pairwise(told_of):
        assert other["first_offset"] == one["last_offset"] + 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [429, 503])
async def test_a_refused_batch_is_a_gap_later(
    tmp_path: Path, peer: RealtimePeer, keys: Keys, status: int
) -> None:
    """While Realtime refuses, the status says so; afterwards a gap covers what was not published."""
    async with publishing(tmp_path / "data", peer, keys) as running:
        peer.faults.http_status = status
        lost = await running.forebay.offer(5)
        await until(lambda: running.status().state == "failing", "the refusal is noticed")
        assert f"HTTP {status}" in (running.status().last_error or "")
        peer.faults.http_status = 0
        await publish_again(running)
        gaps = [(frame["first_offset"], frame["last_offset"]) for frame in running.frames("gap")]
        assert any(first <= lost.first_offset and lost.last_offset <= last for first, last in gaps)
        # The peer has it before its answer is here.
        await until(lambda: running.status().state == "publishing", "the answer has come")
        assert running.status().last_error is None


@pytest.mark.usefixtures("quick")
async def test_after_413_messages_are_smaller(tmp_path: Path, peer: RealtimePeer, keys: Keys) -> None:
    """A plan that allows less than is set is learnt: what follows is published in smaller messages."""
    peer = RealtimePeer(keys, limits=Limits(payload_bytes=30_000))
    await peer.start()
    async with publishing(tmp_path / "data", peer, keys) as running:
        async with asyncio.timeout(60):
            while not running.offsets():
                await running.forebay.offer(1_000)
                await asyncio.sleep(0.05)
        assert max(each.size for each in peer.hub.published) <= 30_000
        assert running.status().breaker == "closed"
    await peer.stop()


@pytest.mark.usefixtures("quick")
async def test_the_breaker_opens_in_an_outage_and_closes_after_it(
    tmp_path: Path, peer: RealtimePeer, keys: Keys
) -> None:
    """With nobody at the address it opens and nothing more is tried until a probe; then all goes on."""
    async with publishing(tmp_path / "data", peer, keys) as running:
        await peer.stop()

        async def open_() -> None:
            while running.status().breaker != "open":
                await running.forebay.offer(1)
                await asyncio.sleep(0.02)

        await asyncio.wait_for(open_(), 60)
        await peer.start()
        await publish_again(running)
        assert running.status().breaker == "closed"
        assert running.frames("gap")


@pytest.mark.usefixtures("quick")
async def test_a_black_hole_slows_nobody(tmp_path: Path, peer: RealtimePeer, keys: Keys) -> None:
    """While Realtime takes and never answers, ingest answers at once and the WebSocket gets every metric."""
    async with publishing(tmp_path / "data", peer, keys) as running:
        url = running.forebay.forebay.url.replace("http", "ws") + "/api/live"
        async with connect(url, proxy=None, max_size=None) as wire:
            await wire.recv()
            peer.faults.black_hole = True
            took, seen, wanted = list[float](), set[int](), set[int]()
            for _ in range(100):
                began = time.monotonic()
                receipt = await running.forebay.offer(20)
                took.append(time.monotonic() - began)
                wanted |= {*range(receipt.first_offset, receipt.last_offset + 1)}
            async with asyncio.timeout(60):
                while seen != wanted:
                    frame = json.loads(await wire.recv())
                    seen |= {metric["offset"] for metric in frame.get("metrics", [])}
        await until(lambda: running.status().state == "failing", "the time-out is noticed")
        assert statistics.median(took) < 0.25
        peer.faults.black_hole = False
        await publish_again(running)


async def test_a_crash_of_the_publisher_loses_no_offset(
    tmp_path: Path, peer: RealtimePeer, keys: Keys
) -> None:
    """Restarted, it goes on with what waited, and nobody else notices."""
    async with publishing(tmp_path / "data", peer, keys) as running:
        await publish_again(running)
        before = len(running.offsets())
        running.forebay.forebay._realtime.feed.take = None  # type: ignore[assignment, union-attr]
        lost = await running.forebay.offer(5)
        await until(lambda: running.forebay.actor("realtime").restarts, "it is restarted")
        del running.forebay.forebay._realtime.feed.take  # type: ignore[union-attr]
        await publish_again(running)
        assert running.offsets()[before : before + 5] == [*range(lost.first_offset, lost.last_offset + 1)]
        assert running.forebay.actor("broadcast").restarts == 0


async def test_auto_publishes_only_while_a_ticket_is_out(
    tmp_path: Path, peer: RealtimePeer, keys: Keys
) -> None:
    """Nobody has asked: nothing is published, and the broadcaster makes no frame for it; with a ticket out
    every new metric is."""
    async with publishing(tmp_path / "data", peer, keys, realtime="auto") as running:
        await running.forebay.offer(5)
        assert running.status().state == "idle"
        assert len(running.forebay.forebay._subscribers) == 0
        async with running.forebay.client() as client:
            answer = await client.get("/api/realtime", params={"session": "s1"})
        assert answer.status_code == 200
        assert answer.json()["topic"] == running.topic
        await until(lambda: running.status().state != "idle", "the ticket is noticed")
        receipt = await running.forebay.offer(3)
        await until(lambda: receipt.last_offset in running.offsets(), "the metrics are published")
        assert 0 not in running.offsets()


async def test_off_there_is_nothing_of_it(tmp_path: Path, peer: RealtimePeer, keys: Keys) -> None:
    """Switched off there is neither actor nor ticket, and the answer says what to configure."""
    async with publishing(tmp_path / "data", peer, keys, realtime="off") as running:
        assert running.status().state == "off"
        with pytest.raises(LookupError):
            running.forebay.actor("realtime")
        async with running.forebay.client() as client:
            answer = await client.get("/api/realtime")
    assert answer.status_code == 409
    assert "realtime" in answer.json()["detail"]


async def test_a_key_that_may_not_send_is_told_and_not_used(
    tmp_path: Path, peer: RealtimePeer, keys: Keys
) -> None:
    """With the browser's key, whose batches Realtime would drop without a word, nothing is sent and the
    status says which key is wrong."""
    wrong = project(peer, Keys(keys.secret))
    wrong = msgspec.structs.replace(wrong, service_role_key=wrong.anon_key)
    async with publishing(tmp_path / "data", peer, keys, supabase=wrong) as running:
        await running.forebay.offer(5)
        await until(lambda: running.status().breaker == "open", "the wrong key is noticed")
        assert "SUPABASE_SERVICE_ROLE_KEY" in (running.status().last_error or "")
    assert peer.hub.published == []


async def test_a_changed_flag_is_published_for_nobody_in_particular(
    tmp_path: Path, peer: RealtimePeer, keys: Keys
) -> None:
    """A change of a flag reaches the channel at once; each page then asks for its own session."""
    async with publishing(tmp_path / "data", peer, keys) as running:
        async with running.forebay.client() as client:
            name = "dashboard.transport"
            changed = await client.put(f"/api/flags/{name}", json={"value": "dual", "rollout": 50})
            assert changed.status_code == 200, changed.text
        await until(lambda: running.frames("flag"), "the flag is published")
    assert (running.frames("flag")[0]["name"], running.frames("flag")[0]["session"]) == (name, "")
