from __future__ import annotations

import httpx
import pytest

from tests.realtime.clients import Got, PythonClient, until
from tests.supabase.faults import Unavailable
from tests.supabase.stack import LocalSupabase

BATCH = "/realtime/v1/api/broadcast"
TOPIC = "forebay:one"


@pytest.mark.filterwarnings("ignore:ConnectionClosed:DeprecationWarning")
async def test_one_address_serves_tables_and_realtime(supabase: LocalSupabase) -> None:
    """Through the gateway the official client listens to what a batch by HTTP publishes."""
    client = PythonClient(f"{supabase.url}/realtime/v1", supabase.anon_key)
    await client.subscribe(TOPIC, private=True)
    await until(lambda: client.states[TOPIC] == ["SUBSCRIBED"], "joining")
    message = {"topic": TOPIC, "event": "frame", "payload": {"n": 1}, "private": True}
    headers = {"Authorization": f"Bearer {supabase.service_role_key}"}
    async with httpx.AsyncClient(base_url=supabase.url, headers=headers) as http:
        assert (await http.post(BATCH, json={"messages": [message]})).status_code == 202
        assert (await http.post(BATCH, json={"messages": [message]})).status_code == 202
    await until(lambda: len(client.got[TOPIC]) == 2, "both messages")
    assert client.got[TOPIC] == [Got("frame", {"n": 1})] * 2
    await client.close()


async def test_a_failing_gateway_fails_for_realtime_too(supabase: LocalSupabase) -> None:
    """A fault of the gateway on Realtime's path happens there, and publishes nothing."""
    supabase.faults.set(Unavailable(), times=1, path="/realtime/v1")
    message = {"topic": "room", "event": "frame", "payload": {"n": 1}}
    async with httpx.AsyncClient(base_url=supabase.url, headers={"apikey": supabase.anon_key}) as http:
        assert (await http.post(BATCH, json={"messages": [message]})).status_code == 503
        assert supabase.realtime.hub.published == []
        assert (await http.post(BATCH, json={"messages": [message]})).status_code == 202
    assert len(supabase.realtime.hub.published) == 1
