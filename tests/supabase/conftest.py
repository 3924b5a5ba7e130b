from __future__ import annotations

import pytest

from tests.supabase.fixtures import *  # noqa: F403 - fixtures: what of them is meant stands there


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
