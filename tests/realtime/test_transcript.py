from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.realtime.access import Access
from tests.realtime.faults import QUICK
from tests.realtime.peer import RealtimePeer
from tests.realtime.tokens import Claims, sign
from tests.supabase.keys import Keys, new_keys

LIMIT = 30.0
TRANSCRIPTS = Path(__file__).parent / "transcript"


def sections() -> Iterator[Any]:
    """Every section of every transcript: version and lines."""
    for path in sorted(TRANSCRIPTS.glob("*.txt")):
        lines = list[str]()
        for line in path.read_text().splitlines():
            if line.startswith("== "):
                lines = []
                yield pytest.param(path.stem, lines, id=f"{path.stem} {line[3:]}")
            elif not line.startswith("#"):
                lines.append(line)


def policies(claims: Claims, topic: str) -> Access:
    """As in the database that was probed."""
    return Access(read=topic.startswith("priv"), write=topic == "priv")


@contextlib.asynccontextmanager
async def probed(keys: Keys) -> AsyncIterator[RealtimePeer]:
    peer = RealtimePeer(keys, authorise=policies, limits=QUICK)
    await peer.start()
    try:
        yield peer
    finally:
        await peer.stop()


def with_tokens(line: str, keys: Keys) -> str:
    """`line` with real tokens for their names."""
    expired = sign({"role": "anon", "exp": int(time.time()) - 5}, keys.secret)
    named = {
        "JWT": keys.anon,
        "JWT-EXPIRED": expired,
        "JWT-GARBAGE": "garbage",
        "JWT-FORGED": new_keys().anon,
        "JWT-ENDLESS": sign({"role": "anon"}, keys.secret),
    }
    for name, token in named.items():
        line = line.replace(f'"{name}"', f'"{token}"')
    return line


def read(text: str) -> object:
    """A frame of the transcript, to be compared."""
    return bytes.fromhex(text[4:]) if text.startswith("hex:") else json.loads(text)


async def received(socket: ClientConnection) -> object:
    async with asyncio.timeout(LIMIT):
        data = await socket.recv()
    return data if isinstance(data, bytes) else json.loads(data)


async def post(peer: RealtimePeer, keys: Keys, line: str) -> None:
    status, path, body = line.split(" ", 2)
    headers = {"apikey": keys.anon, "Content-Type": "application/json"}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{peer.url}/realtime/v1{path}", content=body, headers=headers)
    assert (answer.status_code, answer.text) == (int(status), "")


@pytest.mark.parametrize(("version", "lines"), list(sections()))
async def test_the_peer_answers_as_the_product_did(version: str, lines: list[str]) -> None:
    """What was sent to Realtime, sent to the peer, is answered in the same words, and with nothing more."""
    keys = new_keys()
    async with probed(keys) as peer:
        url = f"ws://127.0.0.1:{peer.port}/realtime/v1/websocket?apikey={keys.anon}&vsn={version}"
        async with connect(url) as socket:
            for line in lines:
                match line.split(" ", 1):
                    case [">>", sent]:
                        sent = with_tokens(sent, keys)
                        await socket.send(bytes.fromhex(sent[4:]) if sent.startswith("hex:") else sent)
                    case ["<<", expected]:
                        assert await received(socket) == read(expected)
                    case ["POST", rest]:
                        await post(peer, keys, rest)
                    case _:
                        pytest.fail(f"not understood: {line}")
            last = {"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": "last"}
            await socket.send(
                json.dumps(last if version == "1.0.0" else [None, "last", "phoenix", "heartbeat", {}])
            )
            answer = await received(socket)
    assert "last" in (answer.values() if isinstance(answer, dict) else answer)


@pytest.mark.parametrize(
    ("token", "status", "text"),
    [
        ("", 401, '{"error":"API key is missing"}'),
        ("JWT-GARBAGE", 401, '{"error":"The token provided is not a valid JWT"}'),
        ("JWT-FORGED", 401, '{"error":"Failed to validate JWT signature"}'),
        ("JWT-EXPIRED", 401, '{"error":"Token has expired"}'),
        ("JWT-ENDLESS", 401, '{"error":"Fields `role` and `exp` are required in JWT"}'),
    ],
)
async def test_a_handshake_with_a_bad_key_is_refused(token: str, status: int, text: str) -> None:
    """The refusals of a handshake have the product's status and words."""
    keys = new_keys()
    key = with_tokens(f'"{token}"', keys).strip('"')
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    async with probed(keys) as peer, httpx.AsyncClient() as client:
        answer = await client.get(f"{peer.url}/realtime/v1/websocket?apikey={key}", headers=upgrade)
    assert (answer.status_code, answer.text) == (status, text)


async def test_an_unknown_version_is_refused() -> None:
    """A version that does not exist is 403."""
    keys = new_keys()
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    async with probed(keys) as peer, httpx.AsyncClient() as client:
        url = f"{peer.url}/realtime/v1/websocket?apikey={keys.anon}&vsn=3.0.0"
        assert (await client.get(url, headers=upgrade)).status_code == 403
