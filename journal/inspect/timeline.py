"""How much came when: counts over a time of unknown length, in bounded memory. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from journal.metric import Nanoseconds

SECOND: Final[Nanoseconds] = 1_000_000_000
_MINUTE, _HOUR, _DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND

_FINEST: Final = (
    SECOND,
    10 * SECOND,
    _MINUTE,
    10 * _MINUTE,
    _HOUR,
    6 * _HOUR,
    _DAY,
    10 * _DAY,
    100 * _DAY,
    1000 * _DAY,
)
"""Each divides the next, so that what was counted finely can be counted coarsely."""

_KEPT: Final = 4096

_STEPS: Final = tuple(
    [n * SECOND for n in (1, 2, 5, 10, 15, 20, 30)]
    + [n * _MINUTE for n in (1, 2, 5, 10, 15, 20, 30)]
    + [n * _HOUR for n in (1, 2, 3, 4, 6, 12)]
    + [n * _DAY for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000)]
)
"""Widths of a step that a person reads with ease."""


class Steps(msgspec.Struct, frozen=True):
    """How many came in each of equal steps of `width`, from `begin` on."""

    begin: Nanoseconds
    width: Nanoseconds
    counts: list[int]


class Timeline:
    """Counts what came when, at least a few hundred steps fine, however long it goes on."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._fine = 0
        self._counts: dict[int, int] = {}

    def add(self, time: Nanoseconds, many: int) -> None:
        """Count `many` at `time`; times may go back."""
        counts = self._counts
        step = time // _FINEST[self._fine]
        if step in counts:
            counts[step] += many
            return
        counts[step] = many
        while len(counts) > self._kept and self._fine + 1 < len(_FINEST):
            counts = self._coarsen()

    def _coarsen(self) -> dict[int, int]:
        self._fine += 1
        factor = _FINEST[self._fine] // _FINEST[self._fine - 1]
        coarser: dict[int, int] = {}
        for step, count in self._counts.items():
            coarser[step // factor] = coarser.get(step // factor, 0) + count
        self._counts = coarser
        return coarser

    def steps(self, most: int, zone: Nanoseconds = 0) -> Steps | None:
        """All that was counted in at most `most` steps, or None where nothing was.

        They begin at whole multiples of their width in a zone that is `zone` ahead of UTC.
        """
        if not self._counts:
            return None
        fine = _FINEST[self._fine]
        first, last = min(self._counts) * fine + zone, (max(self._counts) + 1) * fine + zone
        width = next(
            each
            for each in (*_STEPS, 1 << 62)
            if each % fine == 0 and -(-last // each) - first // each <= most
        )
        begin = first // width
        counts = [0] * (-(-last // width) - begin)
        for step, count in self._counts.items():
            counts[(step * fine + zone) // width - begin] += count
        return Steps(begin * width - zone, width, counts)
