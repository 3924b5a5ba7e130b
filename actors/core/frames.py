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

MAX_FRAMES = 5
"""Frames at one time: what is over, the oldest, is told of as a gap. Ten times a second that is
100,000 metrics, and takes a tenth of a core, about: more than any page can show."""

MAX_COPIES = 20_000
"""Metrics at one time to all subscribers together, about 3 MB. Ten times a second that takes a tenth of a
core or so; what many subscribers are not sent, they may ask for."""

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
        self.gap: int | None = None
        """Where the open gap begins, which ends before `first`."""

    def close(self, end: int) -> None:
        """End the open frame before `end`, if it has metrics."""
        if self.metrics:
            self.frames.append(metrics_frame(self.metrics, self.first, end - 1, self.at))
            self.first, self.metrics = end, []

    def leave_out(self, end: int, before: int) -> None:
        """Begin a gap at the end of the open frame, `before`, or let the one that is open go on, to `end`."""
        self.close(before)
        if end > self.first:
            self.gap = self.first if self.gap is None else self.gap
            self.first = end

    def close_gap(self) -> None:
        """Tell of the open gap, if there is one."""
        if self.gap is not None:
            text = gap_frame(Gap(Offset(self.gap), Offset(self.first - 1), "busy")).text
            # With offsets, so that it keeps its place in the queue of a slow subscriber and is not dropped.
            self.frames.append(Frame(text, self.gap, self.first - 1))
            self.gap = None

    def add(self, arrived: Arrived, skipped: int) -> None:
        """Put `arrived` into frames, but for the first `skipped`."""
        self.close_gap()
        metrics = arrived.metrics[skipped:] if skipped else arrived.metrics
        for offset, metric in enumerate(metrics, arrived.first_offset + skipped):
            self.metrics.append(live_metric(offset, metric, arrived.time))
            if len(self.metrics) == MAX_METRICS:
                self.close(offset + 1)


def beat(before: float, now: float, interval: float) -> float:
    """From when `interval` is to be counted to the next frames, those at `now` having been due an `interval`
    after `before`: timers are always late, and that must not add up."""
    due = before + interval
    return due if now < due + interval else now


def most_metrics(subscribers: int) -> int:
    """How many metrics each of so many subscribers is sent at one time at most."""
    return min(MAX_METRICS * MAX_FRAMES, max(1, MAX_COPIES // max(1, subscribers)))


def fold(
    arrived: Sequence[Arrived], covered: Covered, at: Nanoseconds, subscribers: int = 1
) -> tuple[list[Frame], Covered]:
    """Frames for `arrived`, in order of offset, made `at` this moment, and what is covered with them.

    Offsets between that were control events are covered silently. Where an Arrived is missing from the
    sequence or not complete, or there is more than fits MAX_FRAMES, or MAX_COPIES for so many subscribers,
    a gap frame stands for it.
    """
    folding = _Folding(covered.offset, at)
    surplus = sum(len(each.metrics) for each in arrived) - most_metrics(subscribers)
    for each in arrived:
        if each.sequence != covered.sequence + 1:
            folding.leave_out(each.first_offset, covered.offset)
        here = len(each.metrics)
        skipped = max(0, min(surplus, here))
        surplus -= skipped
        if skipped:
            folding.leave_out(each.first_offset + skipped, covered.offset)
        if skipped < here:
            folding.add(each, skipped)
        heard = each.first_offset + here
        if heard < each.end:
            folding.leave_out(each.end, heard if here else covered.offset)
        covered = Covered(each.end, each.sequence)
    folding.close(covered.offset)
    folding.close_gap()
    return folding.frames, covered
