from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.realtime.faults import QUICK, Limits
from tests.realtime.peer import RealtimePeer
from tests.supabase.keys import Keys

LIMIT = 30.0
TOPIC = "realtime:room"


class Socket:
    """A joined channel on a WebSocket of version 2.0.0."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, event: str, payload: object) -> None:
        await self.connection.send(json.dumps(["1", "1", TOPIC, event, payload]))

    async def next(self) -> Any:
        async with asyncio.timeout(LIMIT):
            return json.loads(await self.connection.recv())

    async def numbers(self, until: int) -> list[int]:
        """The numbers of the broadcasts that come, up to the one `until`."""
        came = list[int]()
        while until not in came:
            came.append((await self.next())[4]["payload"]["n"])
        return came


@contextlib.asynccontextmanager
async def joined(peer: RealtimePeer, key: str) -> AsyncIterator[Socket]:
    url = f"ws://127.0.0.1:{peer.port}/realtime/v1/websocket?apikey={key}&vsn=2.0.0"
    async with connect(url) as connection:
        socket = Socket(connection)
        await socket.send("phx_join", {"config": {"broadcast": {"self": True}}})
        assert (await socket.next())[4]["status"] == "ok"
        yield socket


async def publish(peer: RealtimePeer, key: str, *numbers: int) -> None:
    messages = [{"topic": "room", "event": "e", "payload": {"n": n}} for n in numbers]
    async with httpx.AsyncClient() as http:
        url = f"{peer.url}/realtime/v1/api/broadcast"
        answer = await http.post(url, json={"messages": messages}, headers={"apikey": key})
    assert answer.status_code == 202


async def test_every_nth_message_is_lost(peer: RealtimePeer, keys: Keys) -> None:
    """With drop_every = 3 each third message reaches nobody, and the sender is told that all is well."""
    peer.faults.drop_every = 3
    async with joined(peer, keys.anon) as socket:
        await publish(peer, keys.anon, 1, 2, 3, 4, 5, 6, 7)
        assert await socket.numbers(7) == [1, 2, 4, 5, 7]


async def test_every_nth_message_comes_twice(peer: RealtimePeer, keys: Keys) -> None:
    """With duplicate_every = 2 each second message is delivered twice."""
    peer.faults.duplicate_every = 2
    async with joined(peer, keys.anon) as socket:
        await publish(peer, keys.anon, 1, 2, 3, 4, 5)
        assert await socket.numbers(5) == [1, 2, 2, 3, 4, 4, 5]


async def test_a_delay_delays(peer: RealtimePeer, keys: Keys) -> None:
    """A message comes no sooner than the delay after it was sent."""
    peer.faults.delay = 0.2
    async with joined(peer, keys.anon) as socket:
        began = asyncio.get_running_loop().time()
        await publish(peer, keys.anon, 1)
        await socket.numbers(1)
        assert asyncio.get_running_loop().time() - began >= 0.2


async def test_joins_are_refused_for_the_reason_given(peer: RealtimePeer, keys: Keys) -> None:
    """With refuse_joins a join is answered with that reason, after the delay of a refusal."""
    async with joined(peer, keys.anon) as socket:
        peer.faults.refuse_joins = "ConnectionRateLimitReached: Too many connected users"
        began = asyncio.get_running_loop().time()
        await socket.send("phx_join", {"config": {}})
        reply = await socket.next()
        assert reply[4] == {"status": "error", "response": {"reason": peer.faults.refuse_joins}}
        assert asyncio.get_running_loop().time() - began >= QUICK.join_refusal


async def test_in_a_black_hole_nothing_is_answered_or_delivered(peer: RealtimePeer, keys: Keys) -> None:
    """What is said in a black hole is lost; the socket stays open, and later messages come."""
    async with joined(peer, keys.anon) as socket:
        peer.faults.black_hole = True
        await socket.send("broadcast", {"type": "broadcast", "event": "e", "payload": {"n": 1}})
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await socket.connection.recv()
        peer.faults.black_hole = False
        await publish(peer, keys.anon, 2)
        assert await socket.numbers(2) == [2]


async def test_over_the_rate_the_channel_is_closed(keys: Keys) -> None:
    """A client that broadcasts more often than the plan allows is told so and loses its channel."""
    peer = RealtimePeer(keys, limits=Limits(messages_per_second=5))
    await peer.start()
    async with joined(peer, keys.anon) as socket:
        for n in range(6):
            await socket.send("broadcast", {"type": "broadcast", "event": "e", "payload": {"n": n}})
        assert await socket.numbers(4) == [0, 1, 2, 3, 4]
        system, close = await socket.next(), await socket.next()
    await peer.stop()
    assert (system[3], system[4]["message"]) == ("system", "Too many messages per second")
    assert close[3] == "phx_close"


async def test_an_idle_socket_is_closed(keys: Keys) -> None:
    """Without a word from the client the peer closes with 1000."""
    peer = RealtimePeer(keys, limits=Limits(idle=0.1))
    await peer.start()
    async with joined(peer, keys.anon) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.next()
    await peer.stop()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000


@pytest.mark.parametrize("code", [None, 1011])
async def test_sockets_are_closed_as_the_test_wants(peer: RealtimePeer, keys: Keys, code: int | None) -> None:
    """close_sockets ends every WebSocket with the code given, or resets it."""
    async with joined(peer, keys.anon) as socket:
        peer.close_sockets(code)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.next()
    assert (closed.value.rcvd.code if closed.value.rcvd else None) == code


async def test_stopping_says_so_to_everybody(peer: RealtimePeer, keys: Keys) -> None:
    """A stopped peer closes with 1012, service restart, and started again it is on the same port."""
    async with joined(peer, keys.anon) as socket:
        await peer.stop()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.next()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1012, "service restart")
    await peer.start()
    async with joined(peer, keys.anon):
        pass


async def test_frames_and_payloads_have_their_limits(peer: RealtimePeer, keys: Keys) -> None:
    """A payload over 3 MB is answered with an error where acks are on; a frame over 5 MB ends in a reset."""
    async with joined(peer, keys.anon) as socket:
        await socket.send("phx_join", {"config": {"broadcast": {"ack": True, "self": True}}})
        assert (await socket.next())[4]["status"] == "ok"
        assert (await socket.next())[3] == "phx_close"
        await socket.send("broadcast", {"type": "broadcast", "event": "e", "payload": {"x": "y" * 3_500_000}})
        assert (await socket.next())[4] == {"status": "error", "response": "payload_size_exceeded"}
        await socket.send("broadcast", {"type": "broadcast", "event": "e", "payload": {"x": "y" * 5_500_000}})
        with pytest.raises(ConnectionClosed) as closed:
            await socket.next()
    assert closed.value.rcvd is None
