"""Security headers."""

from __future__ import annotations

from tests.web.serving import serving
from web.guard import content_policy
from web.ports import EdgeSettings


def test_the_policy_allows_connections_to_what_it_is_told_only() -> None:
    """Its own origin, and the given ones; scripts and styles from elsewhere never, nothing inline."""
    alone, more = content_policy(()), content_policy(("https://x.supabase.co", "wss://x.supabase.co"))
    assert "connect-src 'self';" in alone
    assert "connect-src 'self' https://x.supabase.co wss://x.supabase.co;" in more
    for policy in (alone, more):
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy


async def test_every_answer_carries_it() -> None:
    """The page, the API, and refusals alike."""
    settings = EdgeSettings(connect=("https://x.supabase.co", "wss://x.supabase.co"))
    async with serving(settings) as running, running.client() as client:
        for path, status in (("/", 200), ("/api/status", 200), ("/api/nothing", 404), ("/nothing", 404)):
            answer = await client.get(path)
            assert answer.status_code == status
            assert answer.headers["content-security-policy"] == content_policy(settings.connect)
            assert answer.headers["x-content-type-options"] == "nosniff"
