"""Does the account balance? What the journal holds against what a store holds, a window of the journal at a
time, in memory that a window and the dead letters bound.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from actors.core.differing import Difference, Differing, differences, same
from actors.core.window import Window
from actors.stores.base import Row, as_stored
from journal.metric import Metric, Nanoseconds, Offset, metric_time
from journal.state import LostRange

MAX_SHOWN: Final = 20
"""Differing rows, and lost ranges, that are told one by one; the rest is counted."""


class Letters(msgspec.Struct, frozen=True):
    """What the dead-letter queue says of a store: the offsets of `dead` letters that it does not hold, or did
    not while they waited, ascending; and what it was given in place of those that a person has `edited`; what
    was `sent` to it in their place, also where nobody heard whether it took that."""

    dead: Sequence[int] = ()
    edited: Mapping[int, Metric] = {}
    sent: Mapping[int, Sequence[Metric]] = {}

    def between(self, start: int, until: int) -> Sequence[int]:
        """The dead in `[start, until)`."""
        return self.dead[bisect_left(self.dead, start) : bisect_left(self.dead, until)]


class LostPart(msgspec.Struct, frozen=True):
    """Of the offsets from `first` to `last`, which `journal repair` gave up, the store lacks `metrics`
    metrics, or that many at most unless `exact`."""

    first: Offset
    last: Offset
    metrics: int
    exact: bool


class Account:
    """What one store owes the journal, over the windows that were compared.

    Each metric of the journal is found, dead-lettered, pending, dropped or missing, and those that the
    journal has lost are found or lost. What a store is found to hold may differ, and what it holds beside
    that is extra.
    """

    def __init__(self, cursor: Offset, letters: Letters, dropped_before: Nanoseconds | None = None) -> None:
        self._cursor = cursor
        self._letters = letters
        self._dead = frozenset(letters.dead)
        self._dropped_before = dropped_before
        self._window: Window | None = None
        self._at = 0
        """Place of the first offset of the window that is still to be compared."""
        self._last: int = -1
        self._in_holes: dict[int, int] = {}
        self.found = 0
        """Metrics of the journal that the store holds."""
        self.dead_lettered = 0
        """Metrics that it does not hold because they are, or were, dead letters."""
        self.pending = 0
        """Metrics behind the store's cursor that it does not hold yet."""
        self.missing = Differing()
        """Metrics before the store's cursor that it does not hold, and should."""
        self.dropped = 0
        """Metrics that it does not hold any more, for they are older than `dropped_before`."""
        self.lost = 0
        """Metrics that it was not given before the journal lost them, at most, unless `lost_exact`."""
        self.lost_exact = True
        self.lost_parts: list[LostPart] = []
        self.differing = Differing()
        """Metrics that it holds otherwise than the journal."""
        self.shown: list[Difference] = []
        self.edited = 0
        """Metrics that it rightly holds otherwise: a person edited them while they were dead letters."""
        self.doubtful: dict[int, tuple[Row, Row]] = {}
        """What differs and was a dead letter when the audit began: it may have been edited meanwhile."""
        self.extra = Differing()
        """Offsets that the store holds and the journal does not, and those of metrics stored twice, once for
        each time too many."""

    def begin(self, window: Window) -> None:
        """Compare `window`, which is behind all before."""
        self._window, self._at = window, 0
        self._in_holes = dict.fromkeys(range(len(window.holes)), 0)

    def take_rows(self, rows: Sequence[Row]) -> None:
        """The next rows that the store holds within the window, ascending."""
        assert self._window is not None
        end = self._at + len(rows)
        # As one, and at all only where that fails one by one: nearly always all is well.
        if rows[0].offset != self._last and same(self._window.rows[self._at : end], rows):
            self.found += len(rows)
            self._at, self._last = end, rows[-1].offset
        else:
            self._take([row.offset for row in rows], rows)

    def take_offsets(self, offsets: Sequence[int]) -> None:
        """The same, where only the offsets are compared."""
        assert self._window is not None
        end = self._at + len(offsets)
        if offsets[0] != self._last and self._window.offsets[self._at : end] == offsets:
            self.found += len(offsets)
            self._at, self._last = end, offsets[-1]
        else:
            self._take(offsets, ())

    def end(self) -> None:
        """The store holds nothing more within the window."""
        assert self._window is not None
        self._lacks(len(self._window.offsets))
        for number, hole in enumerate(self._window.holes):
            self._close_hole(hole, self._in_holes[number])
        self._window = None

    def settle(self, letters: Letters) -> None:
        """Decide on what is `doubtful` by what the queue says now."""
        for _, (expected, held) in sorted(self.doubtful.items()):
            if not self._is_edited(expected, held, letters):
                self._differs(expected, held)
        self.doubtful.clear()

    def corrected(self, surplus: int) -> None:
        """A snapshot says that so many fewer metrics were lost than it seemed."""
        self.lost -= min(surplus, self.lost)

    def beyond(self, offsets: Sequence[int]) -> None:
        """The store holds `offsets`, ascending, which the journal has not."""
        self.extra = self.extra.plus(offsets)

    def _take(self, offsets: Sequence[int], rows: Sequence[Row]) -> None:
        assert self._window is not None
        expected = self._window.offsets
        extra: list[int] = []
        for place, offset in enumerate(offsets):
            if offset == self._last:
                extra.append(offset)
                continue
            self._last = offset
            self._lacks(bisect_left(expected, offset, self._at))
            if self._at < len(expected) and expected[self._at] == offset:
                self.found += 1
                if rows:
                    self._check(self._window.rows[self._at], rows[place])
                self._at += 1
            elif not self._is_in_hole(offset):
                extra.append(offset)
        self.beyond(extra)

    def _check(self, expected: Row, held: Row) -> None:
        if same([expected], [held]) or not differences(expected, held):
            return
        if self._is_edited(expected, held, self._letters):
            return
        if expected.offset in self._dead:
            self.doubtful[expected.offset] = (expected, held)
        else:
            self._differs(expected, held)

    def _is_edited(self, expected: Row, held: Row, letters: Letters) -> bool:
        known = letters.edited.get(expected.offset)
        edits = [*([known] if known is not None else []), *letters.sent.get(expected.offset, ())]
        if all(differences(as_stored(expected._replace(metric=edit)), held) for edit in edits):
            return False
        self.edited += 1
        return True

    def _differs(self, expected: Row, held: Row) -> None:
        self.differing = self.differing.plus([expected.offset])
        if len(self.shown) < MAX_SHOWN:
            self.shown.append(Difference(expected.offset, differences(expected, held)))

    def _lacks(self, upto: int) -> None:
        """The store holds none of the metrics from where it was compared up to place `upto`."""
        window = self._window
        if window is None or upto <= self._at:
            return
        missing: list[int] = []
        for place in range(self._at, upto):
            offset = window.offsets[place]
            if offset in self._dead:
                self.dead_lettered += 1
            elif offset >= self._cursor:
                self.pending += 1
            elif self._is_dropped(window, place):
                self.dropped += 1
            else:
                missing.append(offset)
        self.missing = self.missing.plus(missing)
        self._at = upto

    def _is_dropped(self, window: Window, place: int) -> bool:
        if self._dropped_before is None:
            return False
        row = window.rows[place]
        return metric_time(row.metric, row.accepted_at) < self._dropped_before

    def _is_in_hole(self, offset: int) -> bool:
        assert self._window is not None
        for number, hole in enumerate(self._window.holes):
            if hole.first <= offset < hole.end:
                if offset not in self._dead:
                    self._in_holes[number] += 1
                return True
        return False

    def _close_hole(self, hole: LostRange, held: int) -> None:
        """What the store holds of `hole` it was given in time; what is a dead letter is not lost either."""
        dead = len(self._letters.between(hole.first, hole.end))
        self.dead_lettered += min(dead, hole.metrics)
        rest = hole.metrics - min(dead, hole.metrics)
        self.found += min(held, rest)
        lost = max(0, rest - held)
        self.lost += lost
        self.lost_exact = self.lost_exact and (hole.exact or not lost)
        if lost and len(self.lost_parts) < MAX_SHOWN:
            self.lost_parts.append(LostPart(hole.first, Offset(hole.end - 1), lost, hole.exact))


def repeats(offsets: Iterable[int]) -> list[int]:
    """Those of `offsets`, which are ascending, that have been before."""
    return [offset for before, offset in pairwise(offsets) if offset == before]
