"""What a WebSocket is told that breaks the rules while it does not read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.websockets import WebSocket

from tests.web.memory import MemoryLive
from tests.web.memory_flags import MemoryFlags
from tests.web.serving import until
from web.live import BAD_DATA, Hub


class Client:
    """The other end of a WebSocket: what it sends, what it has been sent, and whether it reads."""

    def __init__(self) -> None:
        self.sends: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sends.put_nowait({"type": "websocket.connect"})
        self.sent: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.waiting = 0
        self.gone = False

    async def send(self, message: Any) -> None:
        self.waiting += 1
        await self.reads.wait()
        self.waiting -= 1
        if self.gone:
            raise OSError
        self.sent.append(message)

    async def receive(self) -> Any:
        return await self.sends.get()


@pytest.mark.parametrize("gone", [False, True])
async def test_who_does_not_read_is_told_why_it_is_closed(gone: bool) -> None:
    """A frame waits to be sent when something that is no JSON comes: the close with its code is the last that
    is sent, and nothing goes wrong here, whether the client reads on or has gone."""
    client, live = Client(), MemoryLive()
    scope: dict[str, Any] = {"type": "websocket", "path": "/api/live", "query_string": b"", "headers": []}
    serving = asyncio.ensure_future(
        Hub(live, MemoryFlags()).serve(WebSocket(scope, client.receive, client.send))
    )
    await until(lambda: live.sinks)
    client.reads.clear()
    for _ in range(3):
        live.publish(1)
    await until(lambda: client.waiting)
    client.sends.put_nowait({"type": "websocket.receive", "text": "{"})
    await until(lambda: client.sends.empty())
    client.gone = gone
    client.reads.set()
    async with asyncio.timeout(10):
        await serving
    assert gone or client.sent[-1]["code"] == BAD_DATA
