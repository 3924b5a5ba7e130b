"""How fast a journal grows, and when that fills its disk. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from journal.metric import Nanoseconds

HOUR: Final[Nanoseconds] = 3_600_000_000_000
DAY: Final[Nanoseconds] = 24 * HOUR

_ENOUGH: Final[Nanoseconds] = HOUR // 60
"""What is shorter says nothing about an hour."""


class Growth(msgspec.Struct, frozen=True):
    """Bytes that came into a journal, and that retention took out of it, within the last `span` of it."""

    span: Nanoseconds
    written: int
    retired: int

    @property
    def net(self) -> int:
        """Bytes by which it has grown."""
        return self.written - self.retired


class Disk(msgspec.Struct, frozen=True):
    """The disk that a journal is on, in bytes, and how the journal grew in its last hour and last day: None
    where it is too young to tell.

    `full_in` is how long the room lasts at the rate of the last day; None where the journal does not grow,
    for the reason `still`.
    """

    free: int
    size: int
    hour: Growth | None
    day: Growth | None
    full_in: Nanoseconds | None
    still: str


class Written:
    """Takes down when how many bytes came into each segment, oldest first, and what retention took."""

    def __init__(self) -> None:
        self._segments: dict[str, tuple[Nanoseconds, Nanoseconds, int]] = {}
        self._retired: list[tuple[Nanoseconds, int]] = []

    def add(self, segment: str, first: Nanoseconds, last: Nanoseconds, used: int) -> None:
        """Bytes that came into `segment` between two times, behind what was taken down of it before."""
        began, _, before = self._segments.get(segment, (first, last, 0))
        self._segments[segment] = began, max(began, last), before + used

    def retired(self, time: Nanoseconds, freed: int) -> None:
        """Retention took `freed` bytes."""
        self._retired.append((time, freed))
        if self._retired[0][0] < time - DAY:
            self._retired = [each for each in self._retired if each[0] >= time - DAY]

    def within(self, span: Nanoseconds) -> Growth | None:
        """The growth in the last `span` before the last write, or in less where there is no more.

        Within a segment, bytes are taken to have come evenly.
        """
        if not self._segments:
            return None
        parts = [*self._segments.values()]
        end = parts[-1][1]
        begin = max(end - span, parts[0][0])
        written = 0.0
        for first, last, used in parts:
            share = 1.0 if first >= begin else (last - begin) / (last - first) if last > begin else 0.0
            written += used * share
        freed = sum(freed for time, freed in self._retired if time >= begin)
        return Growth(end - begin, round(written), freed)

    def disk(self, free: int, size: int, now: Nanoseconds, step: int) -> Disk:
        """What becomes of a disk with `free` bytes left of `size`.

        `step` bytes are taken and given back at a time: a segment. What grows by less, beside retention, does
        not grow.
        """
        hour, day = self.within(HOUR), self.within(DAY)
        if hour is None or day is None or day.span < _ENOUGH:
            return Disk(free, size, None, None, None, "it is too young to tell")
        if now - max(last for _, last, _ in self._segments.values()) > HOUR:
            still = "nothing was written in the last hour"
        elif day.net <= (step if day.retired else 0):
            still = "retention takes as much as comes"
        else:
            return Disk(free, size, hour, day, round(free * day.span / day.net), "")
        return Disk(free, size, hour, day, None, still)
