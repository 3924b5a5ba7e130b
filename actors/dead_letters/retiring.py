"""Which segments of the queue's journal nobody needs any more."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from journal.events import MetricDeadLettered
from journal.log import Journal
from journal.metric import Offset
from journal.reader import reading_own
from journal.segment import SegmentInfo

MIRROR_SEGMENTS: Final = 128
"""Segments that wait at most for a store's table to be told of them."""


class Retiring:
    """What may be retired of `journal`, the queue's. It speaks of metrics in `main`, and the audit needs it
    for as long as those are there: by their offsets, since a clock may be wrong."""

    def __init__(self, journal: Journal, main: Journal) -> None:
        self._journal = journal
        self._main = main
        self._newest: dict[Offset, Offset] = {}

    async def unneeded(self, mirrored: Mapping[str, Offset]) -> list[Offset]:
        """The first offsets of the segments in which no letter waits, of which each table knows that is
        `mirrored` that far, and that only speak of metrics which the main journal does not hold any more.

        A store that has never refused anything has no table to tell; one that is further behind than
        MIRROR_SEGMENTS is told of what is there by then. Raises JournalCorruptError.
        """
        segments = list(self._journal.segments)
        patient = segments[max(0, len(segments) - MIRROR_SEGMENTS)].first_offset
        state = self._journal.state
        behind = [max(at, patient) for store, at in mirrored.items() if store in state.dead_letter_counts]
        needed_from = min([*state.dead_letters, *behind], default=self._journal.next_offset)
        gone: list[Offset] = []
        for segment, following in pairwise(segments):
            if following.first_offset > needed_from:
                break
            if await self._newest_in(segment, following.first_offset) >= self._main.first_offset:
                break
            gone.append(segment.first_offset)
        return gone

    async def _newest_in(self, segment: SegmentInfo, end: Offset) -> Offset:
        """The highest offset of a metric that became a dead letter in `segment`, which is full; -1: none."""
        begin = segment.first_offset
        if begin not in self._newest:
            newest = Offset(-1)
            async with reading_own(self._journal, begin) as reader:
                while records := [each for each in await reader.read() if each.base < end]:
                    buried = (event for record in records for event in record.events())
                    offsets = (event.offset for event in buried if isinstance(event, MetricDeadLettered))
                    newest = max([newest, *offsets])
            self._newest = {begin: newest}
        return self._newest[begin]
