"""For all tests: `FOREBAY_HYPOTHESIS=random` lets Hypothesis draw other examples in each run."""

from __future__ import annotations

import os
import signal

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever needs a database server is slow."""
    for item in items:
        if "local_postgres" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
