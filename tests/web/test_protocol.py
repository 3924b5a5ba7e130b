"""The ingest path on raw connections: order, framing, endings."""

from __future__ import annotations

import asyncio
import struct

import msgspec
import pytest

from tests.web.serving import METRIC, Wire, post, serving, until
from web.ports import Refused

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
