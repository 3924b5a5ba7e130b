"""Which segments may go: those that every store has passed, and that are out of the keep window."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

import msgspec

from journal.metric import Nanoseconds, Offset
from journal.segment import SegmentInfo

DAY = 86_400 * 1_000_000_000


class KeepWindow(msgspec.Struct, frozen=True):
    """How much history stays readable: `days` or `bytes`, whichever is less."""

    days: float
    bytes: int


def retired(
    segments: Sequence[SegmentInfo],
    cursors: Collection[Offset],
    window: KeepWindow,
    now: Nanoseconds,
    *,
    disk_full: bool,
) -> list[Offset]:
    """The first offsets of the segments that may be deleted, oldest first; never the newest.

    A segment is needed while the cursor of any store is inside or before it. With a full disk the keep
    window is given up, oldest first and one segment at a time: history that every store holds is worth
    less than the metrics that would be refused.
    """
    needed_from = min(cursors, default=Offset(0))
    total = sum(segment.size for segment in segments)
    gone: list[Offset] = []
    for segment, following in pairwise(segments):
        if following.first_offset > needed_from:
            break
        # What it holds was written before the next one began.
        too_old = now - following.created_at > window.days * DAY
        too_much = total > window.bytes
        pressed = disk_full and not gone
        if not (too_old or too_much or pressed):
            break
        gone.append(segment.first_offset)
        total -= segment.size
    return gone
