from __future__ import annotations

import pytest

from tests.realtime.conftest import keys, peer

__all__ = ["anyio_backend", "keys", "peer"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
