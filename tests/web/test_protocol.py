"""The ingest path on raw connections: order, endings, limits."""

from __future__ import annotations

import asyncio
import struct

import msgspec
import pytest

from tests.web.serving import METRIC, Wire, post, serving, until
from web.ports import EdgeSettings, Refused

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_metric_is_acknowledged_as_the_contract_says() -> None:
    """202 with count, offsets and durability, and the connection lives on."""
    async with serving() as running:
        wire = await running.connect()
        for offset in range(3):
            await wire.send(post())
            response = await wire.response()
            assert response.status == 202
            assert response.headers["content-type"] == "application/json"
            assert "date" in response.headers
            assert response.json() == {
                "accepted": 1,
                "first_offset": offset,
                "last_offset": offset,
                "durability": "fsync",
            }
        await wire.close()
    assert [metric.name for metric in running.ingest.metrics] == ["cpu"] * 3


async def test_a_request_may_come_byte_by_byte() -> None:
    """No split of the bytes changes what is understood."""
    async with serving() as running:
        wire = await running.connect()
        for byte in post(METRIC, b"Idempotency-Key: k"):
            await wire.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await wire.response()).status == 202
        await wire.close()


async def test_pipelined_requests_are_answered_in_order_however_the_receipts_come() -> None:
    """Receipts in reverse order and ASGI requests between them: responses still come in request order."""
    async with serving() as running:
        running.ingest.hold = True
        wire = await running.connect()
        await wire.send(post() + post() + GET + post() + GET + GET + post())
        await asyncio.wait_for(running.ingest.waiting.wait(), 5)
        await until(lambda: len(running.ingest.metrics) == 4)
        running.ingest.release()
        answers = [await wire.response() for _ in range(7)]
        await wire.close()
    seen = [answer.json().get("first_offset", "alive") for answer in answers]
    assert seen == [0, 1, "alive", 2, "alive", "alive", 3]


async def test_an_ingest_request_waits_for_the_response_of_asgi_before_it() -> None:
    """A receipt that is there at once does not overtake a slower ASGI response."""
    async with serving() as running:
        running.ingest.refuse_with = Refused("busy", "full", 3.2)
        wire = await running.connect()
        await wire.send(GET + post() + GET)
        answers = [await wire.response() for _ in range(3)]
        await wire.close()
    assert [answer.status for answer in answers] == [200, 503, 200]
    assert answers[1].headers["retry-after"] == "4"


async def test_a_thousand_pipelined_requests_are_all_answered() -> None:
    """More than a connection may have outstanding: reading pauses, and nothing is lost or doubled."""
    async with serving() as running:
        wire = await running.connect()
        sending = asyncio.create_task(wire.send(post() * 1000))
        offsets = [(await wire.response()).json()["first_offset"] for _ in range(1000)]
        await sending
        await wire.close()
    assert offsets == list(range(1000))


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


@pytest.mark.parametrize(
    "request_bytes",
    [
        post(METRIC, b"Connection: close"),
        post(version=b"1.0"),
        post(METRIC, b"Connection: keep-alive", version=b"1.0"),
    ],
)
async def test_the_connection_closes_where_the_client_or_http_1_0_wants_it(request_bytes: bytes) -> None:
    """The response says `connection: close`, and nothing follows it."""
    async with serving() as running:
        wire = await running.connect()
        await wire.send(request_bytes + post())
        response = await wire.response()
        assert (response.status, response.headers["connection"]) == (202, "close")
        assert await wire.ends()
        await wire.close()
    assert len(running.ingest.metrics) == 1


async def test_a_chunked_body_is_taken() -> None:
    """Chunks of any size, with trailers, make one body."""
    async with serving() as running:
        wire = await running.connect()
        chunks = b"".join(
            b"%x\r\n%b\r\n" % (len(METRIC[i : i + 5]), METRIC[i : i + 5]) for i in range(0, 26, 5)
        )
        await wire.send(
            b"POST /api/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Trailer: 1\r\n\r\n" + post()
        )
        assert [(await wire.response()).status for _ in range(2)] == [202, 202]
        await wire.close()


async def test_expect_100_continue_is_answered_before_the_body() -> None:
    """100 first, then 202; and in turn, behind an unanswered request."""
    async with serving() as running:
        running.ingest.hold = True
        wire = await running.connect()
        head, body = post(METRIC, b"Expect: 100-continue").split(b"\r\n\r\n")
        await wire.send(post() + head + b"\r\n\r\n")
        await asyncio.wait_for(running.ingest.waiting.wait(), 5)
        running.ingest.hold = False
        running.ingest.release()
        assert (await wire.response()).status == 202
        assert (await wire.response()).status == 100
        await wire.send(body)
        assert (await wire.response()).json()["first_offset"] == 1
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


@pytest.mark.parametrize("abort", [False, True])
async def test_a_receipt_for_a_client_that_has_gone_harms_nobody(abort: bool) -> None:
    """The client disconnects with its receipts outstanding; they come later and are dropped."""
    async with serving() as running:
        running.ingest.hold = True
        wire = await running.connect()
        await wire.send(post() * 3 + GET)
        await until(lambda: len(running.ingest.metrics) == 3)
        if abort:
            option = struct.pack("ii", 1, 0)
            wire.writer.get_extra_info("socket").setsockopt(1, 13, option)  # SO_LINGER: reset on close
        await wire.close()
        if abort:
            await until(lambda: not running.server.edge.connections)
        running.ingest.hold = False
        running.ingest.release()
        assert await running.still_serves()
        await until(lambda: not running.server.edge.connections)
        assert running.server.edge.in_flight == 0


async def test_a_client_that_leaves_within_a_body_gives_its_bytes_back() -> None:
    """Half a body does not count as in flight once its client has gone."""
    async with serving() as running:
        wire = await running.connect()
        await wire.send(post()[:-5])
        await until(lambda: running.server.edge.in_flight > 0)
        await wire.close()
        await until(lambda: running.server.edge.in_flight == 0)
    assert running.ingest.metrics == []


async def test_a_client_that_half_closes_still_gets_its_answer() -> None:
    """`printf … | nc`: end of input after the request is no reason not to answer."""
    async with serving() as running:
        running.ingest.hold = True
        wire = await running.connect()
        await wire.send(post())
        await asyncio.wait_for(running.ingest.waiting.wait(), 5)
        wire.writer.write_eof()
        await asyncio.sleep(0.05)
        running.ingest.release()
        assert (await wire.response()).status == 202
        assert await wire.ends()
        await wire.close()


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


async def test_an_upgrade_that_is_not_known_is_ignored() -> None:
    """A client that offers h2c with its request (Java's does) is answered over HTTP/1.1."""
    async with serving() as running:
        wire = await running.connect()
        upgrade = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")
        await wire.send(
            post(METRIC, *upgrade) + GET.replace(b"\r\n\r\n", b"\r\n" + b"\r\n".join(upgrade) + b"\r\n\r\n")
        )
        assert [(await wire.response()).status for _ in range(2)] == [202, 200]
        await wire.close()


async def test_other_spellings_of_the_path_and_other_methods() -> None:
    """The query, percent-encoding and the absolute form change nothing; only POST is taken."""
    async with serving() as running:
        wire = await running.connect()
        for path in (b"/api/metrics?x=1", b"/api/m%65trics", b"http://x/api/metrics"):
            await wire.send(post(path=path))
            assert (await wire.response()).status == 202, path
        await wire.send(post().replace(b"POST", b"PUT "))
        response = await wire.response()
        assert (response.status, response.headers["allow"]) == (405, "POST")
        await wire.close()


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


async def test_shutdown_answers_what_was_asked_and_closes() -> None:
    """Outstanding requests are answered, the last with `connection: close`; idle connections end."""
    async with serving() as running:
        running.ingest.hold = True
        idle, busy, half = [await running.connect() for _ in range(3)]
        await idle.send(post())
        await busy.send(post() + post())
        await half.send(post()[:-5])
        await until(lambda: len(running.ingest.metrics) == 3)
        running.ingest.release()
        assert (await idle.response()).status == 202
        assert [(await busy.response()).status for _ in range(2)] == [202, 202]
        running.ingest.waiting.clear()
        await busy.send(post() + post())
        await until(lambda: len(running.ingest.metrics) == 5)
        running.server.request_stop()
        assert await idle.ends()
        await half.send(post()[-5:])
        await until(lambda: len(running.ingest.metrics) == 6)
        running.ingest.release()
        assert [(await busy.response()).status for _ in range(2)] == [202, 202]
        last = await half.response()
        assert (last.status, last.headers["connection"]) == (202, "close")
        for wire in (idle, busy, half):
            assert await wire.ends()
            await wire.close()


@pytest.mark.slow
async def test_an_idle_connection_ends_after_the_keep_alive_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """About five seconds without a request, as uvicorn has it."""
    async with serving() as running:
        wire = await running.connect()
        await wire.send(post())
        await wire.response()
        started = asyncio.get_running_loop().time()
        assert await wire.ends(10)
        assert 4 < asyncio.get_running_loop().time() - started < 9
        await wire.close()


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


async def test_a_refused_body_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of a refused body is read for a while, not for ever."""
    monkeypatch.setattr("web.protocol.LINGER", 0)
    async with serving(EdgeSettings(max_body=100)) as running:
        wire = await running.connect()
        await wire.send(post().replace(b"Content-Length: 26", b"Content-Length: 99999999"))
        assert (await wire.response()).status == 413
        await until(lambda: not running.server.edge.connections)
        await wire.close()


async def test_many_connections_at_once() -> None:
    """Fifty clients: each sees its own receipts in order, and all offsets are handed out once."""
    async with serving() as running:

        async def client() -> list[int]:
            wire: Wire = await running.connect()
            await wire.send((post() + GET) * 10)
            answers = [(await wire.response()).json() for _ in range(20)]
            await wire.close()
            assert answers[1::2] == [{"alive": True}] * 10
            return [answer["first_offset"] for answer in answers[::2]]

        orders = await asyncio.gather(*(client() for _ in range(50)))
    assert all(order == sorted(order) for order in orders)
    assert sorted(offset for order in orders for offset in order) == list(range(500))


async def test_the_response_is_json_for_every_size_of_offset() -> None:
    """The hand-made bytes are what a JSON encoder would say, up to the last offset."""
    from web.ports import Accepted
    from web.responses import Responses

    for offset in (0, 9, 10, 2**53, 2**63 - 1):
        receipt = Accepted(2**31, offset, offset, "interval")  # type: ignore[arg-type]
        head, body = Responses().accepted(receipt, [(b"date", b"x")], close=True).split(b"\r\n\r\n")
        assert msgspec.json.decode(body, type=Accepted) == receipt
        assert b"content-length: %d\r\n" % len(body) in head + b"\r\n"
