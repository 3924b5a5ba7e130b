from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.realtime.faults import QUICK
from tests.realtime.peer import RealtimePeer
from tests.supabase.keys import Keys, new_keys


@pytest.fixture
def keys() -> Keys:
    return new_keys()


@pytest.fixture
async def peer(keys: Keys) -> AsyncIterator[RealtimePeer]:
    """A peer with the policies of sql/supabase, which answers refusals at once."""
    peer = RealtimePeer(keys, limits=QUICK)
    await peer.start()
    yield peer
    await peer.stop()
