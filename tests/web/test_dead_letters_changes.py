"""What changes the dead-letter queue over HTTP: many at once, and by whom."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.dead_letters_suite import HOUR, THEN
from tests.web.serving import Running, post, serving, until
from tests.web.test_app import BEARER, SECRET, problem
from tests.web.test_dead_letters import PATH, fill


async def test_a_bulk_redrive_is_queued() -> None:
    """202 with the number that matched; the rate is passed on."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        answer = await client.post(f"{PATH}/redrive", json={"cause": "check", "rate": 50})
        assert (answer.status_code, answer.json()) == (202, {"matched": 2, "dry_run": False})
        assert running.dead_letters.rates == [50.0]
        running.dead_letters.deliver()
        assert list(running.dead_letters.letters) == [ids[1]]


async def test_a_bulk_discard_takes_what_matches() -> None:
    """200 with the number; the filter is the one of the list, and ids besides."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        body = {"ids": [ids[0], ids[2], 99], "after": "2023-11-14T23:13:20Z", "before": THEN + 9 * HOUR}
        answer = await client.post(f"{PATH}/discard", json=body)
        assert (answer.status_code, answer.json()) == (200, {"matched": 1, "dry_run": False})
        assert list(running.dead_letters.letters) == ids[:2]
        await client.post(f"{PATH}/discard", json={"all": True})
        assert list(running.dead_letters.letters) == []


@pytest.mark.parametrize("verb", ["redrive", "discard"])
async def test_a_dry_run_counts(verb: str) -> None:
    """200, and nothing has happened."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        answer = await client.post(f"{PATH}/{verb}", json={"all": True, "dry_run": True})
        assert (answer.status_code, answer.json()) == (200, {"matched": 3, "dry_run": True})
        assert list(running.dead_letters.letters) == ids
        assert running.dead_letters.redriving == 0


JSON = {"content-type": "application/json"}
BAD_BULK: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "no body": (b"", {}, 400, '{"all": true}'),
    "empty object": (b"{}", JSON, 400, '{"all": true}'),
    "only a dry run": (b'{"dry_run":true}', JSON, 400, '{"all": true}'),
    "all and a filter": (b'{"all":true,"cause":"check"}', JSON, 400, "not both"),
    "all is false": (b'{"all":false}', JSON, 400, '{"all": true}'),
    "unknown field": (b'{"casue":"check"}', JSON, 400, "casue"),
    "a filter in an object": (b'{"filter":{"cause":"check"}}', JSON, 400, "filter"),
    "wrong type": (b'{"ids":["1"]}', JSON, 400, "ids"),
    "an id beyond 64 bits": (b'{"ids":[%d]}' % 2**64, JSON, 400, "ids"),
    "bad time": (b'{"after":"noon"}', JSON, 400, "after"),
    "no time between": (b'{"after":5,"before":5}', JSON, 400, "before"),
    "malformed": (b'{"all":', JSON, 400, "truncated"),
    "an array": (b"[]", JSON, 400, "object"),
    "invalid UTF-8": (b'{"cause":"\xff"}', JSON, 400, "UTF-8"),
    "deep": (b'{"ids":' + b"[" * 100_000, JSON, 400, ""),
    "no JSON": (b'{"all":true}', {"content-type": "text/plain"}, 415, "application/json"),
    "a form": (
        b'{"all":true}',
        {"content-type": "application/x-www-form-urlencoded"},
        415,
        "application/json",
    ),
    "no type": (b'{"all":true}', {}, 415, "missing"),
    "too large": (b" " * (9 << 20), JSON, 413, "8388608"),
}


@pytest.mark.parametrize("verb", ["redrive", "discard"])
@pytest.mark.parametrize(("body", "headers", "status", "said"), BAD_BULK.values(), ids=BAD_BULK)
@pytest.mark.slow
async def test_a_bad_bulk_call_does_nothing(
    body: bytes, headers: dict[str, str], status: int, said: str, verb: str
) -> None:
    """A 4xx that says what is wrong; above all, an empty body does not mean everything."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        answer = await client.post(f"{PATH}/{verb}", content=body, headers=headers)
        assert said in problem(answer, status)["detail"]
        assert_untouched(running, ids)


@pytest.mark.parametrize("verb", ["redrive", "discard"])
async def test_a_filter_in_the_query_of_a_bulk_call_is_refused(verb: str) -> None:
    """It would otherwise be overlooked, and everything taken."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        answer = await client.post(f"{PATH}/{verb}?cause=check", json={"all": True})
        assert problem(answer, 400)["parameter"] == "cause"
        assert_untouched(running, ids)


@pytest.mark.parametrize("rate", [0, -1, "fast", 1e300])
@pytest.mark.slow
async def test_a_rate_is_a_positive_number(rate: object) -> None:
    """And a discard has none."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        body = {"all": True, "rate": rate}
        assert "rate" in problem(await client.post(f"{PATH}/redrive", json=body), 400)["detail"]
        assert "rate" in problem(await client.post(f"{PATH}/discard", json=body), 400)["detail"]
        assert_untouched(running, ids)


def assert_untouched(running: Running, ids: list[int]) -> None:
    assert list(running.dead_letters.letters) == ids
    assert running.dead_letters.redriving == 0


CHANGES: list[tuple[str, str, Any]] = [
    ("DELETE", f"{PATH}/0", None),
    ("POST", f"{PATH}/0/redrive", None),
    ("POST", f"{PATH}/0/redrive", {"metric": {"name": "a", "value": 1}}),
    ("POST", f"{PATH}/redrive", {"all": True}),
    ("POST", f"{PATH}/discard", {"all": True}),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
@pytest.mark.slow
async def test_a_cookie_changes_the_queue_only_from_our_own_page(method: str, path: str, body: Any) -> None:
    """Without Origin or with another's it is 403, as is another page's request where no token is asked
    for; with ours it is done."""
    async with serving(SECRET) as running, running.client() as client:
        ids = fill(running.dead_letters)
        await client.post("/login", data={"token": "correct horse"})
        for origin in ({}, {"origin": "http://evil.example"}, {"origin": "null"}):
            problem(await client.request(method, path, json=body, headers=origin), 403)
            assert_untouched(running, ids)
        answer = await client.request(method, path, json=body, headers={"origin": running.url})
        assert answer.status_code < 300
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        evil = {"origin": "http://evil.example"}
        problem(await client.request(method, path, json=body, headers=evil), 403)
        assert_untouched(running, ids)


async def test_a_client_that_hangs_up_is_no_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    """In the middle of its body: nothing is done, and the log has no traceback for it."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        wire = await running.connect()
        head = post(b'{"all":true}', path=b"/api/dead-letters/discard")
        await wire.send(head[:-1])
        await until(lambda: len(running.server.edge.connections) == 1)
        await wire.close()
        await until(lambda: not running.server.edge.connections)
        assert (await client.get(PATH)).status_code == 200
        assert_untouched(running, ids)
    assert "Traceback" not in caplog.text
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_the_queue_needs_the_token() -> None:
    """Looking and changing alike: 401 without, and nothing happens."""
    async with serving(SECRET) as running, running.client() as client:
        ids = fill(running.dead_letters)
        for method, path, body in [("GET", PATH, None), ("GET", f"{PATH}/0", None), *CHANGES]:
            problem(await client.request(method, path, json=body), 401)
        assert_untouched(running, ids)
        assert (await client.get(PATH, headers=BEARER)).status_code == 200
