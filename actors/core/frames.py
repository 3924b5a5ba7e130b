"""What has arrived since the last frame, folded into as few frames as it takes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors.messages import Arrived
from journal.metric import Metric, Nanoseconds, Offset
from web.outbox import gap_frame
from web.ports import Frame, Gap, LiveMetric, Metrics

MAX_METRICS = 2_000
"""Metrics in one frame: about 250 kB of JSON."""

MAX_FRAMES = 10
"""Frames at one time: what is over, the oldest, is told of as a gap."""

_encoder = msgspec.json.Encoder()


def encode_frame(message: msgspec.Struct, first_offset: int = -1, last_offset: int = -1) -> Frame:
    """`message` as a text frame."""
    return Frame(_encoder.encode(message).decode(), first_offset, last_offset)


def live_metric(offset: int, metric: Metric, accepted_at: Nanoseconds) -> LiveMetric:
    """`metric` as subscribers see it."""
    return LiveMetric(
        Offset(offset),
        metric.name,
        metric.value,
        accepted_at if metric.time is None else metric.time,
        metric.kind,
        metric.unit,
        metric.source,
        metric.session,
        metric.attributes,
    )


def metrics_frame(metrics: list[LiveMetric], first: int, last: int, at: Nanoseconds = 0) -> Frame:
    """One frame that covers the offsets `[first, last]`; `at` is when it is made, if it is a live one."""
    return encode_frame(Metrics(Offset(first), Offset(last), metrics, at), first, last)


class Covered(msgspec.Struct, frozen=True):
    """Frames have covered the journal up to `offset`; `sequence` was that of the last Arrived."""

    offset: Offset
    sequence: int


class _Folding:
    """Frames in the making, `at` this moment; the open one begins at `first`."""

    def __init__(self, first: int, at: Nanoseconds) -> None:
        self.frames: list[Frame] = []
        self.first = first
        self.at = at
        self.metrics: list[LiveMetric] = []

    def close(self, end: int) -> None:
        """End the open frame before `end`, if it has metrics."""
        if self.metrics:
            self.frames.append(metrics_frame(self.metrics, self.first, end - 1, self.at))
            self.first, self.metrics = end, []

    def leave_out(self, end: int, before: int) -> None:
        """Tell of a gap from the end of the open frame, `before`, to `end`."""
        self.close(before)
        if end > self.first:
            gap = gap_frame(Gap(Offset(self.first), Offset(end - 1), "busy"))
            # With offsets, so that it keeps its place in the queue of a slow subscriber and is not dropped.
            self.frames.append(Frame(gap.text, self.first, end - 1))
        self.first = end

    def add(self, arrived: Arrived) -> None:
        """Put all of `arrived` into frames."""
        for offset, metric in enumerate(arrived.metrics, arrived.first_offset):
            self.metrics.append(live_metric(offset, metric, arrived.time))
            if len(self.metrics) == MAX_METRICS:
                self.close(offset + 1)


def fold(arrived: Sequence[Arrived], covered: Covered, at: Nanoseconds) -> tuple[list[Frame], Covered]:
    """Frames for `arrived`, in order of offset, made `at` this moment, and what is covered with them.

    Offsets between that were control events are covered silently. Where an Arrived is missing from the
    sequence or not complete, or there is more than fits MAX_FRAMES, a gap frame stands for it.
    """
    folding = _Folding(covered.offset, at)
    surplus = sum(len(each.metrics) for each in arrived) - MAX_METRICS * MAX_FRAMES
    for each in arrived:
        if each.sequence != covered.sequence + 1:
            folding.leave_out(each.first_offset, covered.offset)
        if surplus > 0 or not each.complete:
            surplus -= len(each.metrics)
            folding.leave_out(each.end, covered.offset)
        else:
            folding.add(each)
        covered = Covered(each.end, each.sequence)
    folding.close(covered.offset)
    return folding.frames, covered
