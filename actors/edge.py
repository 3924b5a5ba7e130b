"""What the edge is told of the configuration."""

from __future__ import annotations

import resource
from urllib.parse import urlsplit

from actors.config import Settings
from actors.config.settings import SupabaseSettings
from web.ports import EdgeSettings

KEPT_FILES = 128
"""Files that journal, stores and logs may need besides connections: a process whose every file is a client's
could accept nothing, for it could write nothing."""


def edge_settings(settings: Settings) -> EdgeSettings:
    """What the edge must know of `settings`; connections are no more than the system lets it have files."""
    token = settings.token
    # With a token, a page that rebinds its name gets nothing for it: it has neither token nor cookie.
    named = token is None or settings.allowed_hosts
    return EdgeSettings(
        token=token.reveal() if token is not None else None,
        max_body=settings.max_body,
        max_in_flight=settings.max_in_flight,
        hosts=(settings.host, *settings.allowed_hosts) if named else None,
        connect=realtime_origins(settings.supabase),
        max_connections=min(settings.max_connections, _files()),
        max_subscribers=settings.max_subscribers,
    )


def realtime_origins(supabase: SupabaseSettings) -> tuple[str, ...]:
    """The origins of the Supabase project, for HTTP and for WebSockets, where browsers can use it: it takes
    its address and the anon key."""
    if supabase.url is None or supabase.anon_key is None:
        return ()
    parts = urlsplit(supabase.url)
    return tuple(f"{scheme}://{parts.netloc}" for scheme in _SCHEMES[parts.scheme])


_SCHEMES = {"https": ("https", "wss"), "http": ("http", "ws")}


def _files() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, soft - KEPT_FILES) if soft != resource.RLIM_INFINITY else 2**31
