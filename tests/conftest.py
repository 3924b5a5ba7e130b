from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever needs a database server is slow."""
    for item in items:
        if "local_postgres" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
