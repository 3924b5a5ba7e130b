"""How the tests of the local Supabase talk to it."""

from __future__ import annotations

import httpx

from tests.supabase.stack import LocalSupabase

NUMBERS = "create table numbers (n int primary key)"


def rest(supabase: LocalSupabase, key: str | None = None, timeout: float = 10) -> httpx.AsyncClient:
    """A client at `/rest/v1/` with the service role's key, or another."""
    key = key or supabase.service_role_key
    headers = {"apikey": key, "Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=f"{supabase.url}/rest/v1/", headers=headers, timeout=timeout)


def stored(supabase: LocalSupabase, database: str = "") -> list[int]:
    """What table `numbers` of `database` holds; by default of the one that PostgREST serves."""
    held = supabase.postgres.execute("select n from numbers order by n", database or supabase.database)
    return [int(n) for n in held.split()]
