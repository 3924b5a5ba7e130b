from __future__ import annotations

import httpx
from supabase import AsyncClientOptions, acreate_client

from tests.supabase.stack import LocalSupabase


def client(supabase: LocalSupabase, timeout: float = 10) -> httpx.AsyncClient:
    key = supabase.service_role_key
    headers = {"apikey": key, "Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=f"{supabase.url}/rest/v1/", headers=headers, timeout=timeout)


async def test_supabase_py_writes_what_postgres_then_holds(supabase: LocalSupabase) -> None:
    """The official client reaches PostgreSQL through gateway and PostgREST."""
    supabase.postgres.execute("create table numbers (n int)", supabase.database, "postgres")
    supabase.postgrest.restart()
    async with httpx.AsyncClient() as http:
        options = AsyncClientOptions(httpx_client=http)
        official = await acreate_client(supabase.url, supabase.service_role_key, options)
        await official.table("numbers").insert([{"n": 1}, {"n": 2}]).execute()
    assert supabase.postgres.execute("select sum(n) from numbers", supabase.database) == "3"
    assert supabase.faults.count("POST", "/rest/v1/numbers", "passed") == 1
