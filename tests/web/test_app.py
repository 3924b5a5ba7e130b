"""The HTTP table of the contract, through httpx."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import msgspec
import pytest
import zstandard
from prometheus_client.parser import text_string_to_metric_families

from tests.web.memory import REPORT
from tests.web.serving import JSON, METRIC, serving
from web.app import PAGE
from web.ports import EdgeSettings, HistoryUnavailableError, SeriesQuery
from web.report import StatusReport


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document, checked for its form."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    details = answer.json()
    assert details["status"] == status
    assert details["title"]
    assert details["detail"]
    return details


BATCH = [{"name": "a", "value": 1}, {"name": "b", "value": 2, "time": "2026-11-23T12:00:00.5Z"}]
PLAIN = json.dumps(BATCH).encode()
LINES = b"\n".join(json.dumps(item).encode() for item in BATCH)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PLAIN, {"content-type": "application/json"}),
        (PLAIN, {"content-type": "Application/JSON; charset=UTF-8"}),
        (LINES, {"content-type": "application/x-ndjson"}),
        (msgspec.msgpack.encode(BATCH), {"content-type": "application/msgpack"}),
        (gzip.compress(PLAIN, mtime=0), {"content-type": "application/json", "content-encoding": "gzip"}),
        (zstandard.compress(LINES), {"content-type": "application/x-ndjson", "content-encoding": "zstd"}),
        (PLAIN, {"content-type": "application/json", "content-encoding": "identity"}),
    ],
)
async def test_every_protocol_and_encoding_is_taken(body: bytes, headers: dict[str, str]) -> None:
    """The same two metrics, whichever way they are sent."""
    async with serving() as running, running.client() as client:
        answer = await client.post("/api/metrics", content=body, headers=headers)
        assert answer.status_code == 202
        assert answer.json() == {"accepted": 2, "first_offset": 0, "last_offset": 1, "durability": "fsync"}
    assert [metric.name for metric in running.ingest.metrics] == ["a", "b"]
    assert running.ingest.metrics[1].time == 1_795_435_200_500_000_000


BOMB = b"[" + b" " * (64 << 20) + b"]"
MILLION = b"{" + b",".join(b'"f%d":1' % number for number in range(600_000)) + b"}"
BAD_INPUT: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "malformed JSON": (b'[{"name":"a","value":1}', JSON, 400, "truncated"),
    "wrong type": (b'[{"name":"a","value":"1"}]', JSON, 400, "Expected `float`, got `str`"),
    "NaN": (b'[{"name":"a","value":NaN}]', JSON, 400, "invalid character"),
    "Infinity": (b'[{"name":"a","value":-Infinity}]', JSON, 400, "invalid"),
    "1e999": (b'[{"name":"a","value":1e999}]', JSON, 400, "out of range"),
    "MessagePack NaN": (
        b"\x82\xa4name\xa1a\xa5value\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
        {"content-type": "application/msgpack"},
        400,
        "Expected `float`",
    ),
    "empty name": (b'[{"name":"","value":1}]', JSON, 400, "length >= 1"),
    "over-long name": (b'[{"name":"%b","value":1}]' % (b"x" * 256), JSON, 400, "length <= 255"),
    "empty body": (b"", JSON, 400, "no metric"),
    "empty array": (b"[]", JSON, 400, "no metric"),
    "20 MB": (b" " * 20_000_000, JSON, 413, "8388608"),
    "gzip bomb": (gzip.compress(BOMB, mtime=0), JSON | {"content-encoding": "gzip"}, 413, "decompressed"),
    "zstd bomb": (zstandard.compress(BOMB), JSON | {"content-encoding": "zstd"}, 413, "decompressed"),
    "truncated gzip": (
        gzip.compress(PLAIN, mtime=0)[:-9],
        JSON | {"content-encoding": "gzip"},
        400,
        "cut short",
    ),
    "gzip that is none": (PLAIN, JSON | {"content-encoding": "gzip"}, 400, "not valid gzip"),
    "unknown encoding": (PLAIN, JSON | {"content-encoding": "br"}, 415, "'br'"),
    "wrong content type": (PLAIN, {"content-type": "text/plain"}, 415, "'text/plain'"),
    "no content type": (PLAIN, {}, 415, "missing"),
    "other character set": (PLAIN, {"content-type": "application/json; charset=latin1"}, 415, "UTF-8"),
    "deep nesting": (b"[" * 5_000_000, JSON, 400, "nested too deeply"),
    "deep attributes": (b'{"name":"a","value":1,"attributes":' + b'{"a":' * 1_000_000, JSON, 400, ""),
    "invalid UTF-8": (b'[{"name":"\xff","value":1}]', JSON, 400, "UTF-8"),
    "millions of fields": (MILLION, JSON, 400, "unknown field"),
}


@pytest.mark.parametrize(("body", "headers", "status", "reason"), BAD_INPUT.values(), ids=BAD_INPUT)
async def test_bad_input_is_refused_clearly(
    body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    """A 4xx that says what is wrong; nothing is taken, and the server still answers."""
    async with serving() as running, running.client() as client:
        details = problem(await client.post("/api/metrics", content=body, headers=headers), status)
        reasons = [details["detail"], *(error["reason"] for error in details.get("errors", []))]
        assert reason in " ".join(reasons)
        assert running.ingest.metrics == []
        assert await running.still_serves()
        assert running.server.edge.in_flight == 0


async def test_errors_name_index_field_and_reason() -> None:
    """The guilty items among good ones, and none of the batch is taken."""
    batch = [{"name": "a", "value": 1}, {"name": "", "value": 1}, {"name": "a", "vlaue": 1}]
    async with serving() as running, running.client() as client:
        details = problem(await client.post("/api/metrics", json=batch), 400)
    assert details["errors"] == [
        {"index": 1, "field": "name", "reason": "Expected `str` of length >= 1"},
        {"index": 2, "field": "vlaue", "reason": "Object contains unknown field `vlaue`"},
    ]
    assert running.ingest.metrics == []


async def test_alive_and_ready() -> None:
    """Alive whatever happens; ready unless there are reasons, which are then listed."""
    async with serving() as running, running.client() as client:
        assert (await client.get("/readyz")).json() == {"ready": True}
        running.status.reasons = ["the journal is being recovered", "no store answers"]
        details = problem(await client.get("/readyz"), 503)
        assert details["reasons"] == running.status.reasons
        assert (await client.get("/healthz")).json() == {"alive": True}
        assert (await client.head("/healthz")).status_code == 200


async def test_status_is_the_report() -> None:
    """Field by field as the contract has it."""
    async with serving() as running, running.client() as client:
        answer = await client.get("/api/status")
    assert msgspec.json.decode(answer.content, type=StatusReport) == REPORT


async def test_prometheus_reads_the_metrics() -> None:
    """The text parses, and says what the report and the edge say."""
    async with serving() as running, running.client() as client:
        await client.post("/api/metrics", content=METRIC, headers=JSON)
        await client.post("/api/metrics", content=b"x", headers=JSON)
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["forebay_metrics_accepted_total",] == 42
    assert samples["forebay_metrics_pending",] == 2
    assert samples["forebay_store_lag", "sqlite"] == 2
    assert samples["forebay_store_breaker", "closed", "sqlite"] == 1
    assert samples["forebay_actor_mailbox", "/ingest"] == 3
    assert samples["forebay_actor_restarts_total", "/ingest"] == 1
    assert samples["forebay_ingest_requests_total", "202"] == 1
    assert samples["forebay_ingest_requests_total", "400"] == 1
    assert samples["forebay_ingest_in_flight_bytes",] == 0


async def test_series_asks_the_store_for_what_the_query_says() -> None:
    """Names, times in either form, a step with a unit, a source, a session, attributes."""
    async with serving() as running, running.client() as client:
        query = {
            "name": "cpu",
            "from": "1970-01-01T00:00:00Z",
            "to": "60000000000",
            "step": "10s",
            "source": "h",
            "session": "",
            "attribute": ["gpu=0", "a b=c=d"],
        }
        answer = await client.get("/api/series", params=query)
        assert answer.json()[0]["points"] == [{"time": 0, "min": 1.0, "mean": 2.0, "max": 3.0, "count": 4}]
        assert (await client.get("/api/names")).json()[0]["name"] == "cpu"
        assert (await client.get("/api/sessions")).json()[0]["session"] == "s1"
        assert (await client.get("/api/attributes?name=cpu")).json() == [
            {"key": "gpu", "values": ["0", "1"], "count": 3}
        ]
        await client.get("/api/series?name=cpu&from=0&to=60&step=60&attribute=gpu%3D0&attribute=up%3D")
    assert running.history.asked == [
        SeriesQuery("cpu", 0, 60 * 10**9, 10 * 10**9, "h", "", (("gpu", "0"), ("a b", "c=d"))),
        SeriesQuery("cpu", 0, 60, 60, None, None, (("gpu", "0"), ("up", ""))),
    ]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a", "from": "yesterday"}, "from"),
        ({"name": "a", "to": "2026-11-23T12:00:00"}, "to"),
        ({"name": "a", "from": "9" * 19, "to": "5"}, "from"),
        ({"name": "a", "step": "0s"}, "step"),
        ({"name": "a", "step": "1y"}, "step"),
        ({"name": "a", "step": "1ms"}, "step"),
        ({"name": "a", "steps": "1s"}, "steps"),
        ({"name": "a", "attribute": "gpu"}, "attribute"),
        ({"name": "a", "attribute": ["gpu=0", "gpu=1"]}, "attribute"),
        ({"name": "a", "attribute": [f"k{at}=0" for at in range(9)]}, "attribute"),
    ],
)
async def test_a_bad_query_parameter_is_named(query: dict[str, Any], parameter: str) -> None:
    """400 with the parameter, and the store is not asked."""
    async with serving() as running, running.client() as client:
        details = problem(await client.get("/api/series", params=query), 400)
    assert details["parameter"] == parameter
    assert running.history.asked == []


async def test_a_store_that_does_not_answer_is_a_503() -> None:
    """With what the store's trouble is, and when to try again."""
    async with serving() as running, running.client() as client:
        running.history.error = HistoryUnavailableError("the store is locked")
        for path in ("/api/names", "/api/sessions", "/api/series?name=a", "/api/attributes?name=a"):
            answer = await client.get(path)
            assert problem(answer, 503)["detail"] == "the store is locked"
            assert answer.headers["retry-after"] == "5"


async def test_what_is_not_there_and_what_cannot_be_done() -> None:
    """404 and 405 are problem documents too; 405 says what can be done."""
    async with serving() as running, running.client() as client:
        problem(await client.get("/api/nothing"), 404)
        problem(await client.get("/nothing.html"), 404)
        answer = await client.post("/api/status")
        problem(answer, 405)
        assert "GET" in answer.headers["allow"]
        assert (await client.get("/api/metrics")).headers["allow"] == "POST"


async def test_an_error_in_the_application_is_a_500_that_tells_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client gets a problem document, the log the traceback."""
    async with serving() as running, running.client() as client:
        running.history.error = ValueError("internal detail")  # type: ignore[assignment]
        details = problem(await client.get("/api/names"), 500)
    assert "internal detail" not in details["detail"]
    assert "internal detail" in caplog.text


async def test_the_page_is_served_with_a_strict_policy() -> None:
    """Right type, an ETag that is honoured, nothing inline, in nobody's frame."""
    async with serving() as running, running.client() as client:
        answer = await client.get("/")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe-inline" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-cache"
        again = await client.get("/", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
        script = next(path.relative_to(PAGE) for path in PAGE.rglob("*.js"))
        assert "javascript" in (await client.get(f"/{script}")).headers["content-type"]
        assert (await client.get("/..%2f..%2f..%2fapp.py")).status_code == 404


SECRET = EdgeSettings(token="correct horse")
BEARER = {"authorization": "Bearer correct horse"}


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/status", "/api/names", "/api/nothing"])
async def test_everything_needs_the_token(path: str) -> None:
    """401 with WWW-Authenticate without it or with a wrong one; not 401 with it."""
    async with serving(SECRET) as running, running.client() as client:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic correct horse"}):
            answer = await client.get(path, headers=headers)
            problem(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        assert (await client.get(path, headers=BEARER)).status_code != 401


async def test_ingest_needs_the_token() -> None:
    """The path below ASGI is guarded alike, and nothing is taken without."""
    async with serving(SECRET) as running, running.client() as client:
        for headers in (
            JSON,
            JSON | {"authorization": "Bearer wrong"},
            JSON | {"cookie": "forebay_session=1.2"},
        ):
            answer = await client.post("/api/metrics", content=METRIC, headers=headers)
            problem(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        assert running.ingest.metrics == []
        for headers in (BEARER, {"authorization": "bearer  correct horse"}):
            answer = await client.post("/api/metrics", content=METRIC, headers=JSON | headers)
            assert answer.status_code == 202


async def test_probes_and_the_login_need_no_token() -> None:
    """A load balancer and a person who has yet to log in."""
    async with serving(SECRET) as running, running.client() as client:
        for path in ("/healthz", "/readyz", "/login", "/login.css", "/login.svg"):
            assert (await client.get(path)).status_code == 200, path


async def test_a_browser_logs_in_once() -> None:
    """Sent to the login, then back to the page with a cookie that is not the token."""
    async with serving(SECRET) as running, running.client() as client:
        sent = await client.get("/", headers={"accept": "text/html"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/login")
        wrong = await client.post("/login", data={"token": "wrong"})
        assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
        answer = await client.post("/login", data={"token": "correct horse"}, headers={"origin": running.url})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie, mark = answer.headers.get_list("set-cookie")
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "correct" not in cookie
        # The page reads this one, to offer the way out.
        assert (mark.partition(";")[0], "HttpOnly" in mark) == ("forebay_logged_in=yes", False)
        assert (await client.get("/api/status")).status_code == 200
        await client.post("/logout", headers={"origin": running.url})
        assert not client.cookies
        assert (await client.get("/api/status")).status_code == 401


async def test_a_cookie_changes_things_only_from_our_own_page() -> None:
    """With the cookie, Origin must be there and ours; a token in the header needs none."""
    async with serving(SECRET) as running, running.client() as client:
        await client.post("/login", data={"token": "correct horse"})
        for origin, status in (
            ({}, 403),
            ({"origin": "http://evil.example"}, 403),
            ({"origin": running.url}, 202),
        ):
            answer = await client.post("/api/metrics", content=METRIC, headers=JSON | origin)
            assert answer.status_code == status
        assert (await client.post("/logout")).status_code == 403


async def test_another_page_may_not_post_even_without_a_token() -> None:
    """A page in the browser of somebody on this machine could otherwise reach a Forebay on loopback."""
    async with serving() as running, running.client() as client:
        headers = JSON | {"origin": "http://evil.example"}
        problem(await client.post("/api/metrics", content=METRIC, headers=headers), 403)
    assert running.ingest.metrics == []


async def test_the_login_takes_no_endless_form() -> None:
    """413 for a form that is no form."""
    async with serving(SECRET) as running, running.client() as client:
        answer = await client.post("/login", content=b"token=" + b"x" * 1_000_000)
        assert answer.status_code == 413


async def test_a_login_with_many_fields_is_one_with_the_wrong_token() -> None:
    """And no fault of ours, with a traceback in the log."""
    async with serving(SECRET) as running, running.client() as client:
        fields = {f"field{number}": "x" for number in range(20)}
        assert (await client.post("/login", data=fields)).status_code == 401
