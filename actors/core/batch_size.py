"""How many rows a write has: what the store takes, found by trying.

Grows twofold on each full write that passes, up to where one was too large, and from there slowly; halves
where one was too large. As congestion control does (RFC 5681, "slow start" and "congestion avoidance").
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

PROBE_ROWS = 16
"""Rows of the one write that a half-open breaker lets through."""

SLOW = 16
"""Beyond what was too large once, a sixteenth more each time."""


class BatchSize(msgspec.Struct, frozen=True):
    """At most `rows` a write; at most `most` ever; doubled up to `ceiling`."""

    rows: int
    most: int
    ceiling: int

    def passed(self, rows: int) -> BatchSize:
        """After a write of `rows` rows that passed. One that was not full says nothing."""
        if rows < self.rows or self.rows >= self.most:
            return self
        if self.rows < self.ceiling:
            return replace(self, rows=min(self.rows * 2, self.ceiling))
        more = min(self.rows + self.rows // SLOW + 1, self.most)
        return replace(self, rows=more, ceiling=more)

    def too_large(self, rows: int) -> BatchSize:
        """After a write of `rows` rows was too large, or took too long."""
        half = max(1, min(rows, self.rows) // 2)
        return replace(self, rows=half, ceiling=half)

    def probing(self) -> BatchSize:
        """For the first write after an outage: a small one, from which it soon grows again."""
        return replace(self, rows=min(PROBE_ROWS, self.rows))


def batch_size(first: int, most: int) -> BatchSize:
    """Begins at `first` rows, and never goes beyond `most`."""
    return BatchSize(min(first, most), most, most)
