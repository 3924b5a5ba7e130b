"""An audit takes no more memory for a large journal than for a small one, whatever the store holds.

`FOREBAY_AUDIT_METRICS=10000000` makes the large one larger.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # whole systems or programs of their own

SMALL, LARGE = 200_000, int(os.environ.get("FOREBAY_AUDIT_METRICS", "3000000"))
MB = 8
"""By so much may the peak differ."""


def peak(home: Path, count: int, holds: str) -> int:
    command = [sys.executable, "-m", "tests.actors.audit_memory", str(home), str(count), holds]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    _, peak, pending, persisted, differing, extra = map(int, done.stdout.split())
    found = {"nothing": pending, "everything": persisted, "extra": extra, "changed": differing}
    assert found[holds] == count
    return peak


@pytest.mark.slow
@pytest.mark.parametrize("holds", ["nothing", "everything", "extra"])
def test_millions_of_metrics_take_what_200000_take(tmp_path: Path, holds: str) -> None:
    """Stored, not stored, or rows that the journal has never had; measured in a process of its own."""
    assert abs(peak(tmp_path / "large", LARGE, holds) - peak(tmp_path / "small", SMALL, holds)) <= MB


def test_a_store_that_holds_everything_otherwise_takes_no_more(tmp_path: Path) -> None:
    """What differs is counted; only the first is kept."""
    assert abs(peak(tmp_path / "large", SMALL, "changed") - peak(tmp_path / "small", 40_000, "changed")) <= MB
