"""What the ingest path refuses, and how: too much, too slow, malformed, or not wanted now."""

from __future__ import annotations

import asyncio

import pytest

from tests.web.serving import METRIC, post, serving, until
from web.ports import EdgeSettings, Refused

pytestmark = pytest.mark.slow  # whole systems or programs of their own

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.slow
async def test_reading_pauses_while_too_many_are_unanswered() -> None:
    """A client that pipelines without end is held back by TCP, not kept in memory."""
    async with serving() as running:
        running.ingest.hold = True
        wire = await running.connect()
        wire.writer.transport.set_write_buffer_limits(high=1)

        async def send_for_ever() -> None:
            while True:
                await wire.send(post() * 500)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(send_for_ever(), 1.0)
        held = len(running.ingest.metrics)
        assert held < 40_000
        running.ingest.hold = False
        running.ingest.release()
        for _ in range(held):
            assert (await wire.response()).status == 202
        await wire.close()


async def test_expect_100_continue_is_refused_without_the_body() -> None:
    """A body over the limit is refused by its announced length, and never asked for."""
    async with serving(EdgeSettings(max_body=1000)) as running:
        wire = await running.connect()
        await wire.send(
            b"POST /api/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n"
        )
        response = await wire.response()
        assert (response.status, response.headers["connection"]) == (413, "close")
        assert await wire.ends()
        await wire.close()


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_20_mb_body_is_refused_and_the_client_can_read_why(chunked: bool) -> None:
    """413 reaches a client that sends everything before it reads, announced length or not."""
    async with serving() as running:
        wire = await running.connect()
        start = b"POST /api/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        part = b" " * 1_000_000
        if chunked:
            await wire.send(start + b"Transfer-Encoding: chunked\r\n\r\n")
            part = b"%x\r\n%b\r\n" % (len(part), part)
        else:
            await wire.send(start + b"Content-Length: 20000000\r\n\r\n")
        for _ in range(20):
            await wire.send(part)
        response = await wire.response()
        assert response.status == 413
        assert response.headers["content-type"] == "application/problem+json"
        assert "8388608" in response.json()["detail"]
        assert await wire.ends()
        await wire.close()
        assert await running.still_serves()
        assert running.server.edge.in_flight == 0


async def test_a_small_refused_body_does_not_cost_the_connection() -> None:
    """415 for one request, and the next one on the same connection is taken."""
    async with serving() as running:
        wire = await running.connect()
        await wire.send(post().replace(b"application/json", b"text/plain") + post())
        refused = await wire.response()
        assert refused.status == 415
        assert "application/json" in refused.json()["detail"]
        assert (await wire.response()).status == 202
        await wire.close()


async def test_bytes_in_flight_are_bounded_over_all_connections() -> None:
    """Above max_in_flight a request is refused with 503 and Retry-After; afterwards it is taken."""
    async with serving(EdgeSettings(max_in_flight=100)) as running:
        running.ingest.hold = True
        first, second = await running.connect(), await running.connect()
        await first.send(post(b" " * 60 + METRIC))
        await asyncio.wait_for(running.ingest.waiting.wait(), 5)
        await second.send(post())
        refused = await second.response()
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        running.ingest.hold = False
        running.ingest.release()
        assert (await first.response()).status == 202
        assert await running.still_serves()
        await first.close()
        await second.close()
        assert running.server.edge.in_flight == 0


@pytest.mark.parametrize(
    ("refusal", "status", "retry_after"),
    [
        (Refused("busy", "the mailbox is full", 0.2), 503, "1"),
        (Refused("stopping", "shutting down"), 503, "5"),
        (Refused("failed", "the journal failed"), 503, "5"),
        (Refused("disk-full", "no room", 30.0), 507, "30"),
    ],
)
async def test_a_refusal_says_when_to_come_again(refusal: Refused, status: int, retry_after: str) -> None:
    """Each reason has its status, its detail and a Retry-After."""
    async with serving() as running:
        running.ingest.refuse_with = refusal
        wire = await running.connect()
        await wire.send(post())
        response = await wire.response()
        await wire.close()
    assert (response.status, response.headers["retry-after"]) == (status, retry_after)
    assert response.json()["detail"] == refusal.detail


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST /api/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /api/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /api/metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        post(b"zz\r\n").replace(b"Content-Length: 4", b"Transfer-Encoding: chunked"),
        b"GET /a b HTTP/1.1\r\n\r\n",
    ],
)
async def test_malformed_http_is_answered_after_what_is_owed(garbage: bytes) -> None:
    """The request before the garbage is answered, then 400 problem+json, then the end."""
    async with serving() as running:
        running.ingest.hold = True
        wire = await running.connect()
        await wire.send(post() + garbage)
        await asyncio.wait_for(running.ingest.waiting.wait(), 5)
        running.ingest.hold = False
        running.ingest.release()
        assert (await wire.response()).status == 202
        response = await wire.response()
        assert (response.status, response.headers["content-type"]) == (400, "application/problem+json")
        assert await wire.ends()
        await wire.close()
        assert await running.still_serves()
        assert running.server.edge.in_flight == 0


async def test_an_endless_head_is_cut_off() -> None:
    """431, instead of keeping header after header."""
    async with serving() as running:
        wire = await running.connect()
        await wire.send(b"POST /api/metrics HTTP/1.1\r\n")
        for number in range(2000):
            wire.writer.write(b"X-%d: %b\r\n" % (number, b"x" * 1000))
        assert (await wire.response()).status == 431
        await wire.close()
        assert await running.still_serves()


@pytest.mark.parametrize(
    ("key", "status"),
    [(b"k" * 255, 202), (b"!~", 202), (b"k" * 256, 400), (b"a b", 400), (b"", 400), ("ä".encode(), 400)],
)
async def test_the_idempotency_key_is_up_to_255_visible_characters(key: bytes, status: int) -> None:
    """Anything else is refused by name, and nothing is taken."""
    async with serving() as running:
        wire = await running.connect()
        await wire.send(post(METRIC, b"Idempotency-Key: " + key) * 2)
        answers = [await wire.response() for _ in range(2)]
        await wire.close()
    assert [answer.status for answer in answers] == [status] * 2
    if status == 202:
        assert answers[0].body == answers[1].body
        assert len(running.ingest.metrics) == 1
    else:
        assert answers[0].json()["parameter"] == "Idempotency-Key"
        assert running.ingest.metrics == []


@pytest.mark.slow
async def test_a_body_that_dawdles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """408, and the connection ends."""
    monkeypatch.setattr("web.protocol.REQUEST_TIMEOUT", 1)
    async with serving() as running:
        wire = await running.connect()
        await wire.send(post()[:-5])
        assert (await wire.response()).status == 408
        await wire.close()
        await until(lambda: running.server.edge.in_flight == 0)


async def test_an_ingest_that_breaks_its_contract_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    """What should never be raised is logged and answered, after what was owed, and the server lives on."""
    async with serving() as running:
        wire = await running.connect()
        offer = running.server.edge.offer

        def fail(*_: object) -> None:
            running.server.edge.offer = offer
            raise ValueError("a defect")

        running.server.edge.offer = fail
        await wire.send(GET + post() + post())
        assert [(await wire.response()).status for _ in range(2)] == [200, 500]
        assert await wire.ends()
        await wire.close()
        assert "a defect" in caplog.text
        assert await running.still_serves()
        assert running.server.edge.in_flight == 0


@pytest.mark.slow
async def test_a_refused_body_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of a refused body is read for a while, not for ever."""
    monkeypatch.setattr("web.protocol.LINGER", 0)
    async with serving(EdgeSettings(max_body=100)) as running:
        wire = await running.connect()
        await wire.send(post().replace(b"Content-Length: 26", b"Content-Length: 99999999"))
        assert (await wire.response()).status == 413
        await until(lambda: not running.server.edge.connections)
        await wire.close()
