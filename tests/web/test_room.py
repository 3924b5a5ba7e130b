"""How many may be connected at once, and what the one too many is told."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.web.serving import post, serving, until
from web.ports import EdgeSettings
from web.protocol import REFUSED_AT_ONCE


async def test_a_connection_too_many_is_told_so() -> None:
    """503 with Retry-After, at once, and closed; those that are open are served, and a place that gets free
    is given away."""
    async with serving(EdgeSettings(max_connections=3)) as running:
        wires = [await running.connect() for _ in range(3)]
        await until(lambda: len(running.server.server_state.connections) == 3)
        late = await running.connect()
        answer = await late.response()
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert "FOREBAY_MAX_CONNECTIONS" in answer.json()["detail"]
        assert await late.ends()
        await late.close()
        for wire in wires:
            await wire.send(post())
            assert (await wire.response()).status == 202
        await wires.pop().close()
        await until(lambda: len(running.server.server_state.connections) == 2)
        assert await running.still_serves()
        for wire in wires:
            await wire.close()


async def test_a_request_that_is_sent_all_the_same_is_answered_before_the_end() -> None:
    """Who writes first and reads then finds the refusal, not a reset."""
    async with serving(EdgeSettings(max_connections=1)) as running:
        first = await running.connect()
        await until(lambda: len(running.server.server_state.connections) == 1)
        late = await running.connect()
        await late.send(post())
        assert (await late.response()).status == 503
        assert running.ingest.metrics == []
        await late.close()
        await first.close()


async def test_a_flood_of_connections_is_cut() -> None:
    """Saying no takes a file as well: beyond some, nothing is said."""
    async with serving(EdgeSettings(max_connections=1)) as running:
        first = await running.connect()
        await until(lambda: len(running.server.server_state.connections) == 1)
        flood = [await running.connect() for _ in range(REFUSED_AT_ONCE + 40)]
        await until(lambda: len(running.server.server_state.connections) <= 1 + REFUSED_AT_ONCE)
        cut = 0
        for wire in flood:
            try:
                answered = await asyncio.wait_for(wire.reader.read(12), 5)
            except ConnectionResetError:
                answered = b""
            assert answered in (b"", b"HTTP/1.1 503")
            cut += not answered
            await wire.close()
        assert cut >= 40
        await first.send(post())
        assert (await first.response()).status == 202
        await first.close()


async def test_a_websocket_too_many_is_refused() -> None:
    """503 before it is accepted; metrics are taken as before."""
    async with serving(EdgeSettings(max_subscribers=1)) as running:
        url = f"ws://127.0.0.1:{running.port}/api/live"
        async with connect(url, proxy=None) as first:
            await first.recv()
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, proxy=None)
            assert refused.value.response.status_code == 503
            assert refused.value.response.headers["retry-after"] == "5"
            assert await running.still_serves()
        await until(lambda: running.live.sinks == [])
        async with connect(url, proxy=None) as again:
            await again.recv()
