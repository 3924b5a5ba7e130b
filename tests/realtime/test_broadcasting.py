from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.realtime.faults import Faults, Limits
from tests.realtime.peer import RealtimePeer
from tests.supabase.keys import Keys, new_keys

BATCH = "/realtime/v1/api/broadcast"
BLANK = {"errors": {"messages": ["can't be blank"]}}


@pytest.fixture
async def http(peer: RealtimePeer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=peer.url, timeout=5) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def message(**fields: object) -> dict[str, object]:
    return {"topic": "room", "event": "frame", "payload": {"n": 1}, **fields}


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        ({"messages": []}, 422, BLANK),
        ({}, 422, BLANK),
        ({"messages": [message(event=None)]}, 422, {"errors": {"messages": [{"event": ["can't be blank"]}]}}),
        (
            {"messages": [message(payload=None)]},
            422,
            {"errors": {"messages": [{"payload": ["can't be blank"]}]}},
        ),
        ({"messages": [message(payload=[1])]}, 422, {"errors": {"messages": [{"payload": ["is invalid"]}]}}),
        (
            {"messages": [message(payload={"x": "y" * 3_000_000})]},
            422,
            {"errors": {"messages": [{"payload": ["Payload size exceeds tenant limit"]}]}},
        ),
    ],
    ids=["empty", "none", "event", "payload", "array", "large"],
)
async def test_a_bad_batch_is_refused_in_the_product_s_words(
    http: httpx.AsyncClient, keys: Keys, body: object, status: int, answer: object
) -> None:
    """What was seen of refusals at the product comes from the peer too."""
    refused = await http.post(BATCH, json=body, headers=bearer(keys.anon))
    assert (refused.status_code, refused.json()) == (status, answer)


async def test_a_batch_that_is_no_json_or_too_large_is_refused(http: httpx.AsyncClient, keys: Keys) -> None:
    """400 for what is no JSON, 413 for a body over the limit, 422 for a body of another type."""
    headers = {**bearer(keys.anon), "Content-Type": "application/json"}
    large = json.dumps({"messages": [message(payload={"x": "y" * 1_000_000})] * 9})
    assert (await http.post(BATCH, content="{", headers=headers)).status_code == 400
    assert (await http.post(BATCH, content=large, headers=headers)).status_code == 413
    headers["Content-Type"] = "text/plain"
    assert (await http.post(BATCH, content="{}", headers=headers)).status_code == 422


async def test_without_a_valid_token_nothing_is_taken(
    http: httpx.AsyncClient, peer: RealtimePeer, keys: Keys
) -> None:
    """No token and a forged one are 401; the key alone, as `apikey`, is enough."""
    body = {"messages": [message()]}
    for headers in ({}, bearer(new_keys().anon)):
        refused = await http.post(BATCH, json=body, headers=headers)
        assert (refused.status_code, refused.json()) == (401, {"message": "Unauthorized"})
    assert peer.hub.published == []
    assert (await http.post(BATCH, json=body, headers={"apikey": keys.anon})).status_code == 202
    assert len(peer.hub.published) == 1


async def test_a_batch_without_permission_is_dropped_without_a_word(
    http: httpx.AsyncClient, peer: RealtimePeer, keys: Keys
) -> None:
    """To a private topic of which the token may not write the answer is 202, and nobody gets it."""
    body = {"messages": [message(topic="forebay:one", private=True)]}
    assert (await http.post(BATCH, json=body, headers=bearer(keys.anon))).status_code == 202
    assert peer.hub.published == []
    assert (await http.post(BATCH, json=body, headers=bearer(keys.service_role))).status_code == 202
    assert [each.topic for each in peer.hub.published] == [(True, "forebay:one")]


async def test_over_the_rate_a_batch_is_refused_whole(keys: Keys) -> None:
    """What fits the messages per second is taken; a batch beyond them is 429 and publishes nothing."""
    peer = RealtimePeer(keys, limits=Limits(messages_per_second=10))
    await peer.start()
    async with httpx.AsyncClient(base_url=peer.url) as http:
        first = await http.post(BATCH, json={"messages": [message()] * 8}, headers=bearer(keys.anon))
        second = await http.post(BATCH, json={"messages": [message()] * 3}, headers=bearer(keys.anon))
    await peer.stop()
    assert (first.status_code, second.status_code) == (202, 429)
    text = "Too many messages to broadcast, please reduce the batch size"
    assert second.json() == {"message": text}
    assert len(peer.hub.published) == 8


async def test_a_status_that_the_test_wants_takes_nothing(
    http: httpx.AsyncClient, peer: RealtimePeer, keys: Keys
) -> None:
    """With `http_status` every broadcast is answered so, with Retry-After if asked for, and is not taken."""
    peer.faults.http_status, peer.faults.http_retry_after = 429, 7
    refused = await http.post(BATCH, json={"messages": [message()]}, headers=bearer(keys.anon))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert peer.hub.published == []


async def test_a_black_hole_takes_and_never_answers(
    http: httpx.AsyncClient, peer: RealtimePeer, keys: Keys
) -> None:
    """In a black hole the client times out and nothing is published; afterwards all is as before."""
    body = {"messages": [message()]}
    peer.faults.black_hole = True
    with pytest.raises(httpx.ReadTimeout):
        await http.post(BATCH, json=body, headers=bearer(keys.anon), timeout=0.2)
    assert peer.hub.published == []
    peer.faults.black_hole = False
    assert (await http.post(BATCH, json=body, headers=bearer(keys.anon))).status_code == 202


async def test_faults_can_be_switched_by_hand(http: httpx.AsyncClient, peer: RealtimePeer) -> None:
    """PUT /faults puts those in force that it names and lifts the others, a black hole too; a wrong name is
    told."""
    peer.faults.drop_every, peer.faults.black_hole = 3, True
    assert (await http.put("/faults", json={"delay": 0.5})).status_code == 200
    assert peer.faults == Faults(delay=0.5)
    wrong = await http.put("/faults", json={"dealy": 1})
    assert wrong.status_code == 400
    assert "dealy" in wrong.json()["message"]
