from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.process.forebay import Forebay, say

Launch = Callable[..., Forebay]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Makes Forebays in directories of their own, not yet started; at the end none is left running."""
    made: list[Forebay] = []

    def make(*flags: str, **options: Any) -> Forebay:
        forebay = Forebay(tmp_path / f"forebay-{len(made)}", *flags, **options)
        made.append(forebay)
        return forebay

    yield make
    for forebay in made:
        forebay.close()
        # pytest shows this where the test failed.
        say(f"--- log of {forebay.url}\n{forebay.log()[-8000:]}")


@pytest.fixture
def forebay(launch: Launch) -> Forebay:
    """One Forebay with small segments, started and ready."""
    return launch(env={"FOREBAY_SEGMENT_BYTES": "1MiB"}).start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever starts whole processes is slow."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.slow)
