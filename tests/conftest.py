from __future__ import annotations

import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever needs a database server is slow."""
    for item in items:
        if "local_postgres" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
