"""The WebSocket through a real client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.web.memory import encode
from tests.web.serving import Running, serving, until
from web.ports import EdgeSettings, Frame

pytestmark = pytest.mark.slow  # whole systems or programs of their own


@asynccontextmanager
async def subscribed(running: Running, query: str = "", **options: Any) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{running.port}/api/live{query}"
    async with connect(url, proxy=None, **options) as websocket:
        yield websocket


async def receive(websocket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(5):
        return json.loads(await websocket.recv())


async def offsets(websocket: ClientConnection, last: int) -> list[int]:
    """The offsets of all metrics up to `last`, as they come."""
    seen: list[int] = []
    while not seen or seen[-1] < last:
        frame = await receive(websocket)
        assert frame["type"] == "metrics"
        seen += [metric["offset"] for metric in frame["metrics"]]
    return seen


async def closed(websocket: ClientConnection) -> tuple[int, str]:
    """The code and reason with which the server closes."""
    with suppress(ConnectionClosed):
        while True:
            await receive(websocket)
    assert websocket.close_code is not None
    return websocket.close_code, websocket.close_reason or ""


async def test_a_subscriber_is_greeted_and_sees_what_happens() -> None:
    """Hello with the next offset, then metrics and notices as they come."""
    async with serving() as running:
        running.live.publish(7)
        async with subscribed(running) as websocket:
            assert await receive(websocket) == {
                "type": "hello",
                "journal_id": "journal-1",
                "next_offset": 7,
                "flags": {each.name: each.value for each in running.flags.evaluate_all("")},
                "version": "0",
            }
            await until(lambda: running.live.sinks)
            running.live.publish(3)
            running.live.notify(Frame(encode({"type": "status"})))
            frames = {(frame := await receive(websocket))["type"]: frame for _ in range(2)}
            assert frames["metrics"]["first_offset"] == 7
            assert [metric["offset"] for metric in frames["metrics"]["metrics"]] == [7, 8, 9]
            assert "status" in frames
        await until(lambda: not running.live.sinks)


@pytest.mark.parametrize("start", [0, 13, 4999, 5000])
async def test_from_is_answered_without_hole_or_double(start: int) -> None:
    """Backfill up to the live position, then live frames, while metrics keep coming."""
    async with serving() as running:
        running.live.publish(5000)
        async with subscribed(running, f"?from={start}") as websocket:
            assert (await receive(websocket))["type"] == "hello"

            async def keep_publishing() -> None:
                for _ in range(200):
                    running.live.publish(7)
                    await asyncio.sleep(0)

            publishing = asyncio.create_task(keep_publishing())
            seen = await offsets(websocket, 5000 + 1400 - 1)
            await publishing
    assert seen == list(range(start, 6400))


async def test_what_retention_deleted_is_a_gap() -> None:
    """From an offset that is gone: the gap is named, the rest follows."""
    async with serving() as running:
        running.live.retired_before = 100
        running.live.publish(120)
        async with subscribed(running, "?from=0") as websocket:
            await receive(websocket)
            assert await receive(websocket) == {
                "type": "gap",
                "first_offset": 0,
                "last_offset": 99,
                "reason": "retired",
            }
            assert await offsets(websocket, 119) == list(range(100, 120))


@pytest.mark.parametrize("start", ["-1", "x", "1.5", "", "9" * 30])
async def test_a_from_that_is_no_offset_is_refused_by_name(start: str) -> None:
    """1008 with a reason that a browser can show."""
    async with serving() as running, subscribed(running, f"?from={start}") as websocket:
        code, reason = await closed(websocket)
        assert code == 1008
        assert "from=" in reason


async def test_a_from_beyond_the_journal_is_refused_after_the_hello() -> None:
    """The hello tells a page whose journal was replaced where it stands."""
    async with serving() as running:
        running.live.publish(5)
        async with subscribed(running, "?from=6") as websocket:
            assert (await receive(websocket))["next_offset"] == 5
            code, reason = await closed(websocket)
            assert (code, reason) == (1008, "from=6: the next offset is 5")


async def test_a_subscriber_may_ask_for_what_it_missed() -> None:
    """Backfills by range are sent beside the live frames, and cut at what there is."""
    async with serving() as running:
        running.live.publish(1000)
        async with subscribed(running) as websocket:
            await receive(websocket)
            await websocket.send('{"type":"backfill","first_offset":100,"last_offset":149}')
            assert await offsets(websocket, 149) == list(range(100, 150))
            await websocket.send('{"type":"backfill","first_offset":990,"last_offset":5000}')
            assert await offsets(websocket, 999) == list(range(990, 1000))


async def test_too_many_backfills_are_answered_with_a_gap() -> None:
    """A client that asks without end is told so, at no cost to anybody."""
    async with serving() as running:
        running.live.publish(100_000)
        async with subscribed(running, close_timeout=0.1) as websocket:
            await receive(websocket)
            for _ in range(30):
                await websocket.send('{"type":"backfill","first_offset":0,"last_offset":99999}')
            frame = await receive(websocket)
            while frame["type"] != "gap":
                frame = await receive(websocket)
            assert (frame["reason"], frame["last_offset"]) == ("busy", 99_999)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", 1007),
        ("[" * 10_000, 1008),
        ("{}", 1008),
        ('{"type":"subscribe"}', 1008),
        ('{"type":"backfill","first_offset":5}', 1008),
        ('{"type":"backfill","first_offset":5,"last_offset":4}', 1008),
        ('{"type":"backfill","first_offset":-1,"last_offset":4}', 1008),
        ('{"type":"backfill","first_offset":1,"last_offset":4,"x":1}', 1008),
        (b"binary", 1003),
    ],
)
async def test_a_message_that_is_not_understood_closes_with_a_reason(message: str | bytes, code: int) -> None:
    """1007 for what is no JSON, 1008 for what is no request, 1003 for what is no text."""
    async with serving() as running, subscribed(running) as websocket:
        await receive(websocket)
        await websocket.send(message)
        closed_with, reason = await closed(websocket)
        assert closed_with == code
        assert reason
        await until(lambda: not running.live.sinks)


async def test_a_message_that_is_too_large_is_refused() -> None:
    """1009: nobody can make the server keep a megabyte by sending it."""
    async with serving() as running, subscribed(running) as websocket:
        await receive(websocket)
        await websocket.send("x" * 1_000_000)
        assert (await closed(websocket))[0] == 1009


async def test_a_slow_subscriber_is_told_of_its_gap_and_slows_nobody() -> None:
    """It stops reading; frames for it are dropped, another one gets all; then it is told the exact range."""
    async with (
        serving() as running,
        subscribed(running, max_queue=1) as slow,
        subscribed(running) as quick,
    ):
        await receive(slow)
        await receive(quick)
        await until(lambda: len(running.live.sinks) == 2)
        last = -1
        for _ in range(400):
            running.live.publish(1000)
            last += 1000
            assert (await offsets(quick, last))[0] == last - 999
        await until(lambda: len(running.live.sinks) == 2)
        at = 0
        gaps = 0
        while at <= last:
            frame = await receive(slow)
            assert frame["first_offset"] == at
            at = frame["last_offset"] + 1
            gaps += frame["type"] == "gap"
        assert gaps >= 1


async def test_subscribers_are_told_goodbye_when_the_server_stops() -> None:
    """A goodbye with a hint when to reconnect, then close 1001; and the server does not wait for more."""
    async with serving() as running, subscribed(running) as websocket:
        await receive(websocket)
        await until(lambda: running.live.sinks)
        running.server.request_stop()
        goodbye = await receive(websocket)
        assert goodbye["type"] == "goodbye"
        assert goodbye["reconnect_after"] > 0
        assert (await closed(websocket))[0] == 1001


@pytest.mark.slow
async def test_a_subscriber_that_does_not_read_does_not_hold_up_the_end() -> None:
    """The server stops within seconds although a client has stopped reading."""
    started = asyncio.get_running_loop().time()
    async with serving() as running, subscribed(running, max_queue=1, close_timeout=0.1) as websocket:
        await receive(websocket)
        await until(lambda: running.live.sinks)
        for _ in range(100):
            running.live.publish(2000)
            await asyncio.sleep(0)
        running.server.request_stop()
        await until(lambda: not running.live.sinks, 10)
    assert asyncio.get_running_loop().time() - started < 10


async def test_a_token_is_needed_for_the_websocket_too() -> None:
    """401 without, 101 with; a page of another origin is refused even then."""
    async with serving(EdgeSettings(token="secret")) as running:
        with pytest.raises(InvalidStatus) as refused:
            async with subscribed(running):
                pass
        assert refused.value.response.status_code == 401
        bearer = {"Authorization": "Bearer secret"}
        async with subscribed(running, additional_headers=bearer) as websocket:
            assert (await receive(websocket))["type"] == "hello"
        with pytest.raises(InvalidStatus) as refused:
            async with subscribed(running, additional_headers=bearer, origin="https://evil.example"):
                pass
        assert refused.value.response.status_code == 403


async def test_a_page_of_another_origin_may_not_listen() -> None:
    """WebSockets are not held back by the same-origin policy of browsers: the server must do it."""
    async with serving() as running:
        with pytest.raises(InvalidStatus) as refused:
            async with subscribed(running, origin="http://evil.example"):
                pass
        assert refused.value.response.status_code == 403
        async with subscribed(running, origin=running.url) as websocket:
            assert (await receive(websocket))["type"] == "hello"
