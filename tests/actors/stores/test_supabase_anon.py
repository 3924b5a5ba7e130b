"""What a page asks PostgREST by itself, with the anon key."""

from __future__ import annotations

from typing import Any

import httpx

from actors.stores.supabase import SupabaseStore
from journal.metric import Metric, Offset
from tests.contracts.store_rows import T0, new_journal, rows_of
from tests.supabase.fixtures import local_databases, local_postgres, local_supabase, supabase
from tests.supabase.stack import LocalSupabase

__all__ = ["local_databases", "local_postgres", "local_supabase", "supabase"]

WINDOW = {"name": "load", "start_ns": str(T0), "until_ns": str(T0 + 10), "step_ns": "10"}


async def test_anon_may_ask_all_that_the_page_shows(supabase: LocalSupabase) -> None:
    """Series, also filtered, names, sessions and attributes; nanoseconds may be sent as strings, which no
    JavaScript rounds. Writing is refused."""
    store = SupabaseStore(supabase.url, supabase.service_role_key)
    await store.open(new_journal())
    metrics = [
        Metric("load", float(at), T0 + at, source="x", session="s", attributes={"gpu": at}) for at in range(2)
    ]
    await store.write(rows_of(metrics), Offset(2))
    await store.close()
    headers = {"apikey": supabase.anon_key, "Authorization": f"Bearer {supabase.anon_key}"}
    base = f"{supabase.url}/rest/v1"
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False, timeout=30) as client:

        async def rpc(function: str, **arguments: Any) -> Any:
            answer = await client.post(f"/rpc/{function}", json=arguments)
            assert answer.status_code == 200, answer.text
            return answer.json()

        step = T0 // 10 * 10
        point = {"source": "x", "unit": "", "time_ns": step, "min": 0, "mean": 0.5, "max": 1, "count": 2}
        assert await rpc("forebay_series", **WINDOW) == [point]
        assert await rpc("forebay_filtered_series", **WINDOW) == [point]
        one = {**point, "min": 1, "mean": 1, "count": 1}
        filters = {"source": "x", "session": "s", "attributes": {"gpu": "1"}}
        assert await rpc("forebay_filtered_series", **WINDOW, **filters) == [one]
        times = {"first_time_ns": T0, "last_time_ns": T0 + 1, "count": 2}
        (name,) = await rpc("forebay_names")
        assert name == {"name": "load", "kind": "gauge", "unit": "", "sources": ["x"], **times}
        assert await rpc("forebay_sessions") == [{"session": "s", "source": "x", **times}]
        assert await rpc("forebay_attributes", name="load") == [
            {"key": "gpu", "values": ["0", "1"], "count": 2}
        ]
        refused = await client.post("/metrics", json={"journal_id": "j", "offset": 1, "name": "n"})
        assert refused.status_code in (401, 403)
