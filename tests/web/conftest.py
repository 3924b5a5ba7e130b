from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """The loop that Forebay runs on."""
    return "asyncio", {"use_uvloop": True}


# The machine is shared: how long one example takes says nothing of the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
