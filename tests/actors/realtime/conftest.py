from __future__ import annotations

from tests.realtime.conftest import keys, peer

__all__ = ["keys", "peer"]
