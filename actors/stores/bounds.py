"""What may be asked of a store whose times and offsets are 64-bit integers. Pure."""

from __future__ import annotations

from journal.metric import MAX_INT64, MIN_INT64, Nanoseconds


def within_int64(start: int, until: int) -> tuple[int, int]:
    """`[start, until)` as the first and last 64-bit integers that are in it; last < first if none is."""
    return max(start, MIN_INT64), min(until - 1, MAX_INT64)


def check_step(step: Nanoseconds) -> None:
    """Raise ValueError for a step of a series that is none."""
    if step < 1:
        raise ValueError(f"step {step}: must be at least 1 ns")
