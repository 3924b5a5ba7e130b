"""Frames as bytes that are written past the subscriber's task."""

from __future__ import annotations

import asyncio
import json
import random

import pytest
from websockets.asyncio.client import connect
from websockets.frames import Frame as Message
from websockets.frames import Opcode

from tests.web.serving import serving, until
from web.live import Subscriber
from web.ports import Frame, Volley
from web.wire import encoded


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 300_000])
def test_a_message_is_as_a_websocket_library_makes_it(size: int) -> None:
    """Whatever its length, a text is one unmasked message, byte for byte as `websockets` serializes it."""
    text = b"x" * size
    assert encoded(text) == Message(Opcode.TEXT, text).serialize(mask=False)


class Line:
    """A connection that takes what it is told to take."""

    def __init__(self) -> None:
        self.open = True
        self.written: list[bytes] = []

    def write(self, message: bytes) -> bool:
        """See web.wire.Wire."""
        if self.open:
            self.written.append(message)
        return self.open


def volley(number: int) -> Volley:
    return Volley((Frame(f"{number}", number, number),))


async def test_what_waits_is_not_overtaken() -> None:
    """A frame is written at once only while the subscriber's task waits and nothing else does; every later
    one queues behind what does."""
    line = Line()
    subscriber = Subscriber(wire=line)
    subscriber.offer(volley(0))
    assert not line.written, "its task has not come so far yet"
    waiting = asyncio.ensure_future(subscriber.something())
    await waiting
    assert subscriber.take() == "0"
    waiting = asyncio.ensure_future(subscriber.something())
    await asyncio.sleep(0)
    subscriber.offer(volley(1))
    assert line.written == [encoded(b"1")]
    line.open = False
    subscriber.offer(volley(2))
    line.open = True
    subscriber.offer(volley(3))
    assert line.written == [encoded(b"1")]
    await waiting
    assert [subscriber.take(), subscriber.take(), subscriber.take()] == ["2", "3", None]
    assert subscriber.position == 4


@pytest.mark.slow
async def test_each_offset_comes_once_and_in_order_however_fast_somebody_reads() -> None:
    """Over a real connection: whether frames are written at once or wait, each offset is sent or lies in one
    gap, in order."""
    chance = random.Random(7)
    async with (
        serving() as running,
        connect(f"ws://127.0.0.1:{running.port}/api/live", proxy=None, max_queue=1, max_size=None) as client,
    ):
        assert json.loads(await client.recv())["type"] == "hello"
        await until(lambda: bool(running.live.sinks))
        covered = running.live.next_offset

        async def read_one() -> None:
            nonlocal covered
            async with asyncio.timeout(30):
                frame = json.loads(await client.recv())
            assert frame["first_offset"] == covered
            covered = frame["last_offset"] + 1

        for _ in range(60):
            for _ in range(chance.choice([1, 3, 40])):
                running.live.publish(chance.choice([1, 20, 2_000]))
            for _ in range(chance.choice([0, 1, 5])):
                if covered < running.live.next_offset:
                    await read_one()
        while covered < running.live.next_offset:
            await read_one()
