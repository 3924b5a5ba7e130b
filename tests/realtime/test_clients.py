from __future__ import annotations

import time
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.realtime.clients import CLIENTS, Client, Got, until
from tests.realtime.peer import RealtimePeer
from tests.supabase.keys import Keys

pytestmark = [
    pytest.mark.slow,
    # realtime-py reads the codes of a closed connection in the old way.
    pytest.mark.filterwarnings("ignore:ConnectionClosed:DeprecationWarning"),
]
TOPIC = "forebay:one"
CLOSED = {"CHANNEL_ERROR", "CLOSED"}


@pytest.fixture(params=sorted(CLIENTS))
async def client(request: pytest.FixtureRequest, peer: RealtimePeer, keys: Keys) -> AsyncIterator[Client]:
    """Each of the official clients, with the browser's key."""
    client = CLIENTS[request.param](f"ws://127.0.0.1:{peer.port}/realtime/v1", keys.anon)
    yield client
    await client.close()


async def joined(client: Client, topic: str = TOPIC, times: int = 1) -> None:
    await until(lambda: client.states[topic].count("SUBSCRIBED") >= times, f"joining {topic}")


async def publish(peer: RealtimePeer, key: str, *payloads: object, topic: str = TOPIC) -> int:
    """Send a batch to a private channel as Forebay does; the status."""
    messages = [{"topic": topic, "event": "frame", "payload": each, "private": True} for each in payloads]
    url = f"{peer.url}/realtime/v1/api/broadcast"
    async with httpx.AsyncClient() as http:
        answer = await http.post(url, json={"messages": messages}, headers={"Authorization": f"Bearer {key}"})
    return answer.status_code


async def test_a_listener_gets_what_the_server_publishes(
    client: Client, peer: RealtimePeer, keys: Keys
) -> None:
    """A browser's key joins the private channel and gets the batch whole, in order, and equal."""
    await client.subscribe(TOPIC, private=True)
    await joined(client)
    frames = [{"type": "metrics", "first_offset": n, "text": "\u00fc\u2028\U0001f600"} for n in range(5)]
    assert await publish(peer, keys.service_role, *frames) == 202
    await until(lambda: len(client.got[TOPIC]) == 5, "five frames")
    assert client.got[TOPIC] == [Got("frame", frame) for frame in frames]


async def test_who_may_not_write_publishes_nothing(client: Client, peer: RealtimePeer, keys: Keys) -> None:
    """A batch with the browser's key is answered 202 and dropped; one message is refused aloud."""
    await client.subscribe(TOPIC, private=True, own=True)
    await joined(client)
    assert await publish(peer, keys.anon, {"forged": 1}) == 202
    await client.send(TOPIC, "frame", {"forged": 2})
    assert "Unauthorized" in await client.post(TOPIC, "frame", {"forged": 3})
    await publish(peer, keys.service_role, {"n": 4})
    await until(lambda: client.got[TOPIC], "the honest frame")
    assert client.got[TOPIC] == [Got("frame", {"n": 4})]


async def test_a_channel_that_the_policies_close_is_refused(client: Client) -> None:
    """Joining a private channel of somebody else ends in an error that the client reports."""
    await client.subscribe("other:one", private=True)
    await until(lambda: "CHANNEL_ERROR" in client.states["other:one"], "the refusal")
    assert "SUBSCRIBED" not in client.states["other:one"]


async def test_a_public_channel_broadcasts_both_ways(client: Client) -> None:
    """On a public channel a client gets its own broadcasts, of the socket and of HTTP."""
    await client.subscribe("room", own=True)
    await joined(client, "room")
    await client.send("room", "hi", {"a": 1})
    assert await client.post("room", "hi", {"a": 2}) == ""
    await until(lambda: len(client.got["room"]) == 2, "both broadcasts")
    assert client.got["room"] == [Got("hi", {"a": 1}), Got("hi", {"a": 2})]


async def test_a_lost_connection_is_made_anew(client: Client, peer: RealtimePeer, keys: Keys) -> None:
    """After a lost socket the client joins again by itself and gets what is sent from then on."""
    await client.subscribe(TOPIC, private=True)
    await joined(client)
    peer.close_sockets()
    await joined(client, times=2)
    await publish(peer, keys.service_role, {"n": 1})
    await until(lambda: client.got[TOPIC], "a frame after the loss")
    assert client.got[TOPIC] == [Got("frame", {"n": 1})]


async def test_a_refreshed_token_outlives_the_first(client: Client, peer: RealtimePeer, keys: Keys) -> None:
    """A channel whose token was renewed stays open past the end of the first; one whose was not is closed."""
    await client.auth(keys.token("authenticated", int(time.time()) + 3))
    await client.subscribe(TOPIC, private=True)
    await joined(client)
    stale = CLIENTS["realtime-py"](f"ws://127.0.0.1:{peer.port}/realtime/v1", keys.anon)
    await stale.auth(keys.token("authenticated", int(time.time()) + 4))
    await stale.subscribe(TOPIC, private=True)
    await joined(stale)
    await client.auth(keys.token("authenticated"))
    await until(lambda: CLOSED & {*stale.states[TOPIC]}, "the end of the token that was not renewed")
    await stale.close()
    await publish(peer, keys.service_role, {"n": 1})
    await until(lambda: client.got[TOPIC], "a frame after the end of the first token")
    assert client.states[TOPIC] == ["SUBSCRIBED"]


async def test_an_expired_token_closes_the_channel(client: Client, peer: RealtimePeer) -> None:
    """When the token ends the client learns that its channel is closed."""
    await client.subscribe(TOPIC, private=True)
    await joined(client)
    peer.expire_tokens()
    await until(lambda: CLOSED & {*client.states[TOPIC]}, "the end of the token")
