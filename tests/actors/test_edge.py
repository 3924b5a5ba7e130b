"""What the edge is told of the configuration."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from actors.config import Secret, Settings, SupabaseSettings
from actors.edge import KEPT_FILES, edge_settings, realtime_origins
from actors.stores.memory import MemoryStore
from tests.process.composed import composed


def test_names_matter_where_there_is_no_token() -> None:
    """Without one its own and the configured names; with one any, unless a person named some."""
    assert edge_settings(Settings()).hosts == ("127.0.0.1",)
    assert edge_settings(Settings(allowed_hosts=("a.lan",))).hosts == ("127.0.0.1", "a.lan")
    assert edge_settings(Settings(token=Secret("t"))).hosts is None
    named = Settings(token=Secret("t"), host="0.0.0.0", allowed_hosts=("a.lan",))
    assert edge_settings(named).hosts == ("0.0.0.0", "a.lan")


@pytest.mark.parametrize(
    ("url", "origins"),
    [("https://x.supabase.co", ("https://x.supabase.co", "wss://x.supabase.co")),
     ("http://127.0.0.1:54321/", ("http://127.0.0.1:54321", "ws://127.0.0.1:54321"))],
)  # fmt: skip
def test_the_page_may_connect_to_the_project(url: str, origins: tuple[str, ...]) -> None:
    """To the origin alone, over HTTP and WebSocket; not at all without the key that browsers would need."""
    assert realtime_origins(SupabaseSettings(url=url, anon_key=Secret("k"))) == origins
    assert realtime_origins(SupabaseSettings(url=url, service_role_key=Secret("k"))) == ()
    assert realtime_origins(SupabaseSettings(anon_key=Secret("k"))) == ()


def test_connections_leave_files_for_the_journal() -> None:
    """However many a person allows."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = edge_settings(Settings(max_connections=1_000_000)).max_connections
    assert most == 1_000_000 or 16 <= most <= max(16, soft - KEPT_FILES)
    assert edge_settings(Settings(max_connections=20)).max_connections == 20


async def test_the_composed_edge_refuses_a_rebound_name(tmp_path: Path) -> None:
    """By default, in the tree that `forebay run` runs."""
    async with composed(tmp_path, [MemoryStore()]) as running, running.client() as client:
        assert (await client.get("/api/status")).status_code == 200
        assert (await client.get("/api/status", headers={"host": "evil.example"})).status_code == 421
        assert (await client.get("/", headers={"host": "localhost:1"})).status_code == 200
