"""The System and Sessions views over HTTP."""

from __future__ import annotations

import pytest

from tests.web.serving import serving
from web.ports import EdgeSettings

OPEN = {"position": "open"}


async def test_segments_are_listed() -> None:
    """The oldest first, each with what it holds and how much room it takes."""
    async with serving() as running, running.client() as client:
        answer = await client.get("/api/journal/segments")
        assert [each["state"] for each in answer.json()["segments"]] == ["sealed", "active"]
        assert answer.json()["segments"][1] == {
            "name": "b", "first_offset": 10, "last_offset": 41, "created_at": 2, "bytes": 50, "size": 100,
            "state": "active",
        }  # fmt: skip
        assert (await client.get("/api/journal/segments?x=1")).status_code == 400


async def test_the_last_crash_of_an_actor() -> None:
    """Its traceback as text; 204 for one that never crashed; 404 that names the actors."""
    async with serving() as running, running.client() as client:
        crash = await client.get("/api/actors/stores/sqlite/crash")
        assert (crash.status_code, crash.json()["traceback"]) == (200, "Traceback <b>")
        assert crash.headers["content-type"] == "application/json"
        assert (await client.get("/api/actors/ingest/crash")).status_code == 204
        unknown = await client.get("/api/actors/nobody/crash")
        assert unknown.status_code == 404
        assert "stores/sqlite" in unknown.json()["detail"]


@pytest.mark.parametrize(("query", "count"), [("", 2), ("?limit=1", 1), ("?limit=10000", 2)])
async def test_senders_are_listed(query: str, count: int) -> None:
    """As many as are asked for."""
    async with serving() as running, running.client() as client:
        answer = (await client.get(f"/api/senders{query}")).json()
        assert len(answer["senders"]) == count
        assert answer["senders"][0]["source"] == "new"


@pytest.mark.parametrize("limit", ["0", "10001", "-1", "x", "1e3", "٣", "", "9" * 40])
async def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    """400 that names the parameter."""
    async with serving() as running, running.client() as client:
        answer = await client.get("/api/senders", params={"limit": limit})
        assert (answer.status_code, answer.json()["parameter"]) == (400, "limit")


@pytest.mark.parametrize("store", ["sqlite", "postgres%20host/db"])
async def test_a_breaker_is_moved(store: str) -> None:
    """Open and closed again, whatever the store is called; the answer says how it stands."""
    async with serving() as running, running.client() as client:
        opened = await client.post(f"/api/stores/{store}/breaker", json=OPEN)
        assert (opened.status_code, opened.json()["breaker"], opened.json()["by"]) == (200, "open", "hand")
        closed = await client.post(f"/api/stores/{store}/breaker", json={"position": "closed"})
        assert (closed.json()["breaker"], closed.json()["by"]) == ("closed", "")


async def test_a_breaker_that_is_not_there_is_not_moved() -> None:
    """404 names the stores that there are; 409 says why there is nothing to move."""
    async with serving() as running, running.client() as client:
        unknown = await client.post("/api/stores/nope/breaker", json=OPEN)
        assert unknown.status_code == 404
        assert "sqlite" in unknown.json()["detail"]
        off = await client.post("/api/stores/off/breaker", json=OPEN)
        assert (off.status_code, off.json()["detail"]) == (409, "circuit breakers are switched off")
        assert (await client.get("/api/stores/sqlite/breaker")).status_code == 405


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b'{"position":"auto"}', "application/json", 400), (b"", "application/json", 400),
     (b'{"position":"open","x":1}', "application/json", 400), (b"{", "application/json", 400),
     (b'{"position":"open"}', "text/plain", 415), (b" " * 2000, "application/json", 413)],
)  # fmt: skip
async def test_a_wrong_move_is_refused(body: bytes, kind: str, status: int) -> None:
    """And says what to send; nothing is moved."""
    async with serving() as running, running.client() as client:
        answer = await client.post("/api/stores/sqlite/breaker", content=body, headers={"content-type": kind})
        assert answer.status_code == status
        if status == 400:
            assert '{"position": "open"}' in answer.json()["detail"]
        assert running.machinery.breakers["sqlite"].breaker == "closed"  # type: ignore[union-attr]


async def test_other_peoples_pages_move_nothing() -> None:
    """A browser that is logged in does not do it for another site."""
    async with serving(EdgeSettings(token="secret")) as running, running.client() as client:
        assert (await client.post("/api/stores/sqlite/breaker", json=OPEN)).status_code == 401
        assert (await client.post("/login", data={"token": "secret"})).status_code == 303
        origin = {"origin": "http://evil.example"}
        assert (await client.post("/api/stores/sqlite/breaker", json=OPEN, headers=origin)).status_code == 403
        own = {"origin": running.url}
        assert (await client.post("/api/stores/sqlite/breaker", json=OPEN, headers=own)).status_code == 200
