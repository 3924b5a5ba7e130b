"""The composed tree beside the Realtime peer, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from actors.config import Secret, Settings, SupabaseSettings
from actors.stores.memory import MemoryStore
from tests.process.composed import Composed, composed
from tests.realtime.peer import RealtimePeer
from tests.supabase.keys import Keys
from web.report import RealtimeStatus


class Running:
    """Forebay, the peer that it publishes to, and what came of it."""

    def __init__(self, forebay: Composed, peer: RealtimePeer) -> None:
        self.forebay = forebay
        self.peer = peer

    @property
    def topic(self) -> str:
        return f"forebay:{self.forebay.journal.id}"

    def frames(self, kind: str = "") -> list[dict[str, Any]]:
        """The frames that the peer has taken, in order."""
        published = [each for each in self.peer.hub.published if each.topic == (True, self.topic)]
        payloads = [each.message.payload["payload"] for each in published]  # type: ignore[union-attr]
        frames = [json.loads(bytes(payload)) for payload in payloads]
        return [frame for frame in frames if kind in ("", frame["type"])]

    def offsets(self) -> list[int]:
        """The offsets of the metrics that were published."""
        return [metric["offset"] for frame in self.frames("metrics") for metric in frame["metrics"]]

    def status(self) -> RealtimeStatus:
        return self.forebay.forebay.status.report().realtime


def project(peer: RealtimePeer, keys: Keys, *, secret: bool = True) -> SupabaseSettings:
    """The settings by which Forebay finds `peer`."""
    return SupabaseSettings(
        url=peer.url,
        service_role_key=Secret(keys.service_role),
        anon_key=Secret(keys.anon),
        jwt_secret=Secret(keys.secret) if secret else None,
    )


@asynccontextmanager
async def publishing(home: Path, peer: RealtimePeer, keys: Keys, **changes: Any) -> AsyncIterator[Running]:
    """Forebay that publishes to `peer`, within the block."""
    settings = Settings(data=str(home), segment_bytes=1 << 20, supabase=project(peer, keys), realtime="on")
    settings = msgspec.structs.replace(settings, **changes)
    async with composed(home, [MemoryStore()], settings=settings) as forebay:
        yield Running(forebay, peer)
