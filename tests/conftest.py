"""For all tests: `FOREBAY_HYPOTHESIS=random` lets Hypothesis draw other examples in each run."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about the code. And a change is to fail by what
# it changed: the same examples in every run, and others for whoever goes looking.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("FOREBAY_HYPOTHESIS", "same"))

# A shell that starts the tests in the background has all of their processes ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


TESTS = Path(__file__).parent
LONGEST = (
    "process/test_outages.py",
    "process/test_outage_switches.py",
    "process/test_outage_edges.py",
    "browser/",
    "web/dashboard/",
    "process/test_poison.py",
    "process/test_rebuild.py",
    "process/test_scenarios.py",
    "process/",
    "supabase/",
    "contracts/",
    "actors/cli/",
)
"""What begins first, so that no worker is left with it when the others have done. The outages mostly wait: a
browser has room beside them."""


@pytest.fixture
def anyio_backend() -> str:
    """What async tests run on; those of the whole process have the loop that it has."""
    return "asyncio"


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest-xdist keep the order of the tests, where it would begin with the modules that have most."""
    if "loadscopereorder" in config.option:
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever needs a database server is slow; the longest come first."""
    for item in items:
        if "local_postgres" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    items.sort(key=turn)


def turn(item: pytest.Item) -> int:
    """The place in LONGEST of where a test stands; behind all of them if it does not."""
    place = item.path.relative_to(TESTS).as_posix()
    return next((at for at, begin in enumerate(LONGEST) if place.startswith(begin)), len(LONGEST))
