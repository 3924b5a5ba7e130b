from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.supabase.client import NUMBERS, rest, stored
from tests.supabase.faults import (
    BlackHole,
    Delay,
    ResetAfterCommit,
    ResetBefore,
    ResetMidRequest,
    Throttle,
    TooManyRequests,
    Unavailable,
    html_error,
)
from tests.supabase.stack import LocalSupabase

PATH = "/rest/v1/numbers"


@pytest.fixture(scope="module")
def table(local_supabase: LocalSupabase) -> LocalSupabase:
    """A Supabase with a table that PostgREST knows; making one for each test would take most of the time."""
    asyncio.run(local_supabase.renew())
    local_supabase.postgres.execute(NUMBERS, local_supabase.database, "postgres")
    local_supabase.postgrest.restart()
    return local_supabase


@pytest.fixture
def numbers(table: LocalSupabase) -> Iterator[LocalSupabase]:
    """A Supabase with an empty table, no faults, and no call counted."""
    table.postgres.execute("truncate numbers; alter table numbers disable row level security", table.database)
    table.faults.forget()
    yield table
    table.clear_faults()
    table.revive()


async def test_without_a_key_nothing_is_forwarded(numbers: LocalSupabase) -> None:
    """Who brings no key, or a wrong one, is told so with 401 by the gateway, not by PostgREST."""
    async with httpx.AsyncClient(base_url=numbers.url) as nobody:
        none = await nobody.get(PATH)
        wrong = await nobody.get(PATH, headers={"apikey": numbers.keys.token("service_role", 1)})
    assert (none.status_code, none.json()) == (401, {"message": "No API key found in request"})
    assert (wrong.status_code, wrong.json()["message"]) == (401, "Invalid API key")
    assert numbers.faults.count(done="refused") == 2


async def test_the_key_of_anon_is_not_that_of_the_service(numbers: LocalSupabase) -> None:
    """Each key makes PostgREST become its own role: row-level security stops anon alone."""
    numbers.postgres.execute("alter table numbers enable row level security", numbers.database, "postgres")
    async with rest(numbers) as service, rest(numbers, numbers.anon_key) as anon:
        assert (await service.post("numbers", json={"n": 1})).status_code == 201
        refused = await anon.post("numbers", json={"n": 2})
    assert (refused.status_code, refused.json()["code"]) == (401, "42501")
    assert stored(numbers) == [1]


async def test_an_expired_token_is_refused_by_postgrest(numbers: LocalSupabase) -> None:
    """With a valid key and an expired token, PostgREST's own answer comes through."""
    headers = {"Authorization": f"Bearer {numbers.keys.token('service_role', expires=1)}"}
    async with rest(numbers) as client:
        refused = await client.get("numbers", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "PGRST301")


async def test_other_paths_are_not_found(numbers: LocalSupabase) -> None:
    """What Supabase has beside PostgREST is missing here, and the gateway says so in JSON."""
    async with rest(numbers) as client:
        missing = await client.get(f"{numbers.url}/auth/v1/user")
    assert (missing.status_code, missing.json()) == (404, {"message": "no Route matched with those values"})


async def test_a_page_may_ask_from_anywhere(numbers: LocalSupabase) -> None:
    """A browser's preflight passes without a key, and answers may be read by any origin."""
    asked = {"Origin": "http://page", "Access-Control-Request-Headers": "apikey,x-client-info"}
    async with rest(numbers) as client, httpx.AsyncClient() as page:
        preflight = await page.options(numbers.url + PATH, headers=asked)
        answer = await client.get("numbers", headers={"Origin": "http://page"})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-headers"] == "apikey,x-client-info"
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]


@pytest.mark.parametrize("chunked", [False, True])
async def test_large_bodies_pass_both_ways(numbers: LocalSupabase, chunked: bool) -> None:
    """A body of megabytes, with a length or chunked, arrives whole, and so does the answer."""
    rows = json.dumps([{"n": n} for n in range(200_000)]).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(rows), 100_000):
            yield rows[start : start + 100_000]

    headers = {"Content-Type": "application/json", "Prefer": "return=representation"}
    async with rest(numbers) as client:
        answer = await client.post("numbers", content=pieces() if chunked else rows, headers=headers)
        again = await client.get("numbers?n=eq.7")
    assert answer.json() == json.loads(rows)
    assert again.json() == [{"n": 7}]


async def test_a_stopped_postgrest_is_a_bad_gateway_until_it_is_back(numbers: LocalSupabase) -> None:
    """With PostgREST killed the gateway says 502; started again, the same client's calls go through."""
    async with rest(numbers) as client:
        await client.get("numbers")
        numbers.postgrest.kill()
        assert (await client.get("numbers")).status_code == 502
        numbers.postgrest.start()
        assert (await client.get("numbers")).status_code == 200


async def test_a_stopped_router_refuses_connections_until_it_is_back(numbers: LocalSupabase) -> None:
    """With the router stopped nobody listens; started again it is on the same port."""
    async with rest(numbers) as client:
        await client.get("numbers")
        numbers.stop_router()
        with pytest.raises(httpx.ConnectError):
            await client.get("numbers")
        numbers.start_router()
        assert (await client.get("numbers")).status_code == 200


async def test_answers_of_a_failing_gateway(numbers: LocalSupabase) -> None:
    """503, 429 with Retry-After and an HTML page come as told, each for as many calls as told."""
    numbers.faults.add(Unavailable(), times=1)
    numbers.faults.add(TooManyRequests(retry_after=7), times=1)
    numbers.faults.add(html_error(521), times=1)
    async with rest(numbers) as client:
        answers = [await client.post("numbers", json={"n": n}) for n in range(4)]
    assert [answer.status_code for answer in answers] == [503, 429, 521, 201]
    assert answers[1].headers["retry-after"] == "7"
    assert answers[2].text.startswith("<!DOCTYPE html>")
    assert stored(numbers) == [3]
    done = [(call.done, call.status) for call in numbers.faults.calls("POST", PATH)]
    assert done == [("unavailable", 503), ("too-many-requests", 429), ("answer", 521), ("passed", 201)]


async def test_a_black_hole_takes_and_never_answers(numbers: LocalSupabase) -> None:
    """In a black hole the client times out and nothing is stored; who still waits when it closes is reset."""
    with numbers.faults.during(BlackHole(), method="POST"):
        async with rest(numbers, timeout=0.3) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post("numbers", json={"n": 1})
            assert (await client.get("numbers")).json() == []
        async with rest(numbers) as patient:
            waiting = asyncio.ensure_future(patient.post("numbers", json={"n": 2}))
            async with asyncio.timeout(60):
                while numbers.faults.count(done="black-hole") < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            numbers.faults.clear()
            with pytest.raises(httpx.TransportError):
                await waiting
    assert stored(numbers) == []


@pytest.mark.parametrize("fault", [ResetBefore(), ResetMidRequest()])
async def test_a_reset_before_or_within_the_request_stores_nothing(
    numbers: LocalSupabase, fault: ResetBefore | ResetMidRequest
) -> None:
    """A connection that is reset before the request has been forwarded leaves the database as it was."""
    numbers.faults.set(fault, times=1)
    async with rest(numbers) as client:
        with pytest.raises(httpx.TransportError):
            await client.post("numbers", json=[{"n": n} for n in range(100_000)])
        assert (await client.get("numbers")).status_code == 200
    assert stored(numbers) == []


async def test_a_reset_after_the_commit_stores_and_does_not_say_so(numbers: LocalSupabase) -> None:
    """In the ambiguous case the client sees a broken connection, and the row is there."""
    numbers.faults.set(ResetAfterCommit(), times=1)
    async with rest(numbers) as client:
        with pytest.raises(httpx.TransportError):
            await client.post("numbers", json={"n": 1})
    assert stored(numbers) == [1]
    assert [(call.done, call.status) for call in numbers.faults.calls()] == [("reset-after-commit", 201)]


async def test_a_delay_delays(numbers: LocalSupabase) -> None:
    """Each request takes at least so long, and is answered as ever."""
    numbers.faults.set(Delay(0.2), times=1)
    async with rest(numbers) as client:
        start = time.monotonic()
        assert (await client.post("numbers", json={"n": 1})).status_code == 201
        assert time.monotonic() - start >= 0.2


async def test_a_throttled_database_takes_so_many_rows_a_second(numbers: LocalSupabase) -> None:
    """Writes take rows / rate seconds, whether rows or the argument of a function; too many time out."""
    numbers.faults.set(Throttle(rows_per_second=50, statement_timeout=0.5))
    async with rest(numbers) as client:
        start = time.monotonic()
        assert (await client.post("numbers", json=[{"n": n} for n in range(10)])).status_code == 201
        assert 0.2 <= time.monotonic() - start < 5
        late = await client.post("numbers", json=[{"n": n} for n in range(10, 60)])
        function = await client.post("rpc/write", json={"rows": [1] * 50})
    assert (late.status_code, late.json()["code"]) == (500, "57014")
    assert function.json()["code"] == "57014"
    assert stored(numbers) == list(range(10))
