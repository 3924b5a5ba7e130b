"""Any sequence of requests on one connection, cut anywhere, with receipts that come whenever they like."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from journal.metric import Metric
from tests.web.serving import METRIC, post, serving
from web.ports import Receipt

pytestmark = pytest.mark.slow  # whole systems or programs of their own

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
NOT_FOUND = b"GET /api/nothing HTTP/1.1\r\nHost: x\r\n\r\n"
ASGI_BODY = post(b"x" * 5000, path=b"/api/status")
CHUNKED = (
    b"POST /api/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + METRIC[:5] + b"\r\n15\r\n" + METRIC[5:] + b"\r\n0\r\n\r\n"
)
REQUESTS = [
    (post(), 202),
    (post(b"[" + b",".join([METRIC] * 200) + b"]"), 202),
    (CHUNKED, 202),
    (post(b"nonsense"), 400),
    (post().replace(b"application/json", b"text/plain"), 415),
    (post(METRIC, b"Idempotency-Key: a b"), 400),
    (post(METRIC, b"Connection: Upgrade", b"Upgrade: h2c"), 202),
    (GET, 200),
    (NOT_FOUND, 404),
    (ASGI_BODY, 405),
    (b"\r\n" + GET, 200),
]


@pytest.mark.parametrize("seed", range(25))
async def test_responses_come_in_the_order_of_the_requests(seed: int) -> None:
    """Every request has its own response, in order, and accepted ones have ascending offsets."""
    chance = random.Random(seed)
    sequence = [chance.choice(REQUESTS) for _ in range(40)]
    stream = b"".join(request for request, _ in sequence)
    async with serving() as running:
        offer = running.server.edge.offer
        loop = asyncio.get_running_loop()

        def offer_lazily(
            metrics: list[Metric], key: str, receive: Callable[[Receipt], None], sent: bytes
        ) -> None:
            delay = chance.choice((0, 0, 0.001, 0.005))
            if delay:
                offer(metrics, key, lambda receipt: loop.call_later(delay, receive, receipt) and None, sent)
            else:
                offer(metrics, key, receive, sent)

        running.server.edge.offer = offer_lazily
        wire = await running.connect()

        async def send() -> None:
            at = 0
            while at < len(stream):
                size = chance.choice((1, 7, 100, 1000, 20_000))
                await wire.send(stream[at : at + size])
                at += size
                await asyncio.sleep(chance.choice((0, 0, 0.001)))

        sending = asyncio.create_task(send())
        answers = [await wire.response() for _ in sequence]
        await sending
        await wire.close()
        assert running.server.edge.in_flight == 0
    assert [answer.status for answer in answers] == [status for _, status in sequence]
    accepted = [answer.json()["first_offset"] for answer in answers if answer.status == 202]
    assert accepted == sorted(set(accepted))


async def test_thousands_of_requests_in_one_go_are_all_answered() -> None:
    """What is read at a time ends within some head: the requests before it do not count for that head."""
    count = 16_000
    stream = post() * count
    assert len(stream) > 1_500_000
    async with serving() as running:
        wire = await running.connect()
        sending = asyncio.create_task(wire.send(stream))
        statuses = [(await wire.response()).status for _ in range(count)]
        await sending
        assert statuses == [202] * count
        await wire.close()


async def test_a_head_without_end_behind_other_requests_is_refused() -> None:
    """Requests in the same read as its beginning do not hide it: they are answered, then it gets 431."""
    async with serving() as running:
        wire = await running.connect()
        sending = asyncio.create_task(wire.send(post() * 20 + b"GET / HTTP/1.1\r\nX: " + b"x" * 2_000_000))
        assert [(await wire.response()).status for _ in range(21)] == [202] * 20 + [431]
        sending.cancel()
        await wire.close()
