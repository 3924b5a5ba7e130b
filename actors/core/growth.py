"""How long the disk lasts, if the journal goes on growing as it has of late."""

from __future__ import annotations

import msgspec

from journal.metric import Nanoseconds

SECOND = 1_000_000_000
WINDOW = 300 * SECOND
"""How far back the rate looks."""
SAMPLES = 60
"""Sizes that are remembered of that time."""
LEAST = 10 * SECOND
"""Before so much time has passed nothing can be said."""


class Growth(msgspec.Struct, frozen=True):
    """Sizes of the journal in bytes and when they were seen, oldest first, WINDOW / SAMPLES apart."""

    samples: tuple[tuple[Nanoseconds, int], ...] = ()
    latest: tuple[Nanoseconds, int] = (0, 0)

    def seen(self, now: Nanoseconds, used: int) -> Growth:
        """After `used` bytes were seen at `now`."""
        samples = self.samples
        if not samples or now - samples[-1][0] >= WINDOW // SAMPLES:
            samples = (*(each for each in samples if each[0] >= now - WINDOW), (now, used))
        return Growth(samples, (now, used))

    def full_in(self, free: int) -> float | None:
        """Seconds until `free` bytes are used up; None where the journal, all told, does not grow."""
        if not self.samples:
            return None
        (since, before), (now, used) = self.samples[0], self.latest
        if now - since < LEAST or used <= before:
            return None
        return free * ((now - since) / SECOND) / (used - before)
