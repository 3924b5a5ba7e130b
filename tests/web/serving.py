"""A real server on a real port, over ports that live in memory."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import httpx

from tests.web.memory import MemoryHistory, MemoryIngest, MemoryLive, MemoryStatus
from tests.web.memory_flags import MemoryFlags
from tests.web.memory_letters import MemoryDeadLetters
from tests.web.memory_machinery import MemoryMachinery
from tests.web.memory_past import MemoryPast
from web.ports import EdgeSettings, Ports
from web.server import Server, bind, make_server

METRIC = b'{"name":"cpu","value":0.5}'
JSON = {"content-type": "application/json"}


class Running:
    """A server that runs, and what stands behind it."""

    def __init__(self, settings: EdgeSettings) -> None:
        self.ingest = MemoryIngest()
        self.live = MemoryLive()
        self.status = MemoryStatus()
        self.history = MemoryHistory()
        self.dead_letters = MemoryDeadLetters()
        self.socket = bind("127.0.0.1", 0)
        self.port: int = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.past = MemoryPast()
        self.flags = MemoryFlags()
        self.machinery = MemoryMachinery()
        ports = Ports(
            self.ingest,
            self.live,
            self.status,
            self.history,
            settings,
            self.dead_letters,
            self.past,
            self.flags,
            self.machinery,
        )
        self.server: Server = make_server(ports, "127.0.0.1", self.port)

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(base_url=self.url, timeout=20, trust_env=False, **options) as client:
            yield client

    async def connect(self) -> Wire:
        return Wire(*await asyncio.open_connection("127.0.0.1", self.port))

    async def still_serves(self) -> bool:
        """Whether a new client's metric is taken."""
        async with self.client() as client:
            answer = await client.post("/api/metrics", content=METRIC, headers=JSON)
        return answer.status_code == 202


@asynccontextmanager
async def serving(settings: EdgeSettings | None = None) -> AsyncIterator[Running]:
    """A server within the block; it is stopped as `forebay run` stops it."""
    running = Running(settings or EdgeSettings())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(running.server.serve, [running.socket])
        await until(lambda: running.server.started)
        try:
            yield running
        finally:
            running.ingest.release()
            running.server.request_stop()


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Return when `condition` holds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition belongs to the server, which has no event for it
            await asyncio.sleep(0.005)


class Response:
    """One response off the wire."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A raw connection that says what it likes and reads responses one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def response(self, seconds: float = 30.0) -> Response:
        async with asyncio.timeout(seconds):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head.split("\r\n")
            status = int(lines[0].split(" ")[1])
            headers = {name.lower(): value for name, value in re.findall(r"^([^:\r\n]+): (.*)$", head, re.M)}
            headers = {name: value.strip() for name, value in headers.items()}
            body = b""
            if "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            return Response(status, headers, body)

    async def ends(self, seconds: float = 30.0) -> bool:
        """Whether the server closes without another byte."""
        async with asyncio.timeout(seconds):
            return await self.reader.read(1) == b""

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


def post(
    body: bytes = METRIC, *fields: bytes, path: bytes = b"/api/metrics", version: bytes = b"1.1"
) -> bytes:
    """A request for the ingest path, as bytes."""
    lines = [
        b"POST %b HTTP/%b" % (path, version),
        b"Host: x",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        *fields,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
