"""What has arrived, folded into frames."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core.frames import MAX_COPIES, MAX_FRAMES, MAX_METRICS, Covered, beat, fold, metrics_frame
from actors.messages import Arrived
from journal.metric import Metric, Offset
from web.outbox import Outbox

METRIC = Metric("m", 1.0)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[list[Arrived]], set[int]]:
    """Arrivals, in the groups in which they are folded, with control events between, some of them dropped
    and some of them without their metrics, or half of them; and the offsets of all metrics."""
    offset, sequence = draw(st.integers(0, 5)), -1
    groups: list[list[Arrived]] = []
    offsets: set[int] = set()
    for _ in range(draw(st.integers(1, 4))):
        group: list[Arrived] = []
        for _ in range(draw(st.integers(1, 8))):
            offset += draw(st.integers(0, 2))
            count = draw(st.sampled_from([1, 2, 7, 1500, MAX_METRICS, 9000]))
            sequence += 1
            offsets |= set(range(offset, offset + count))
            metrics = [METRIC] * draw(st.sampled_from([count, count, count, count // 2, 0]))
            if draw(st.integers(0, 5)):
                group.append(Arrived(sequence, Offset(offset), Offset(offset + count), 0, metrics))
            offset += count
        if group:
            groups.append(group)
    # One more that nothing is left out behind.
    sequence += 1
    groups.append([Arrived(sequence, Offset(offset), Offset(offset + 1), 0, [METRIC])])
    offsets.add(offset)
    return groups, offsets


def check(frames: list[dict[str, Any]], offsets: set[int]) -> None:
    """Every metric is sent once or lies in one gap; frames follow one another in order."""
    sent: list[int] = []
    missed: set[int] = set()
    at = -1
    for frame in frames:
        first, last = frame["first_offset"], frame["last_offset"]
        assert at < first <= last
        at = last
        if frame["type"] == "gap":
            missed |= set(range(first, last + 1))
        else:
            within = [metric["offset"] for metric in frame["metrics"]]
            assert within == sorted(within)
            assert first <= within[0]
            assert within[-1] <= last
            assert len(within) <= MAX_METRICS
            sent += within
    assert len(sent) == len(set(sent))
    assert not set(sent) & missed
    assert set(sent) | (missed & offsets) == offsets


@given(histories())
def test_each_metric_is_sent_once_or_lies_in_one_gap(history: tuple[list[list[Arrived]], set[int]]) -> None:
    """Whatever was dropped, left out or too much: no metric is silently missing, none comes twice."""
    groups, offsets = history
    covered = Covered(Offset(0), -1)
    frames: list[dict[str, Any]] = []
    for group in groups:
        made, covered = fold(group, covered, 7)
        assert sum(json.loads(frame.text)["type"] == "metrics" for frame in made) <= 2 * MAX_FRAMES
        frames += [json.loads(frame.text) for frame in made]
    check(frames, offsets)


@given(histories(), st.data())
def test_the_same_through_the_queue_of_a_slow_subscriber(
    history: tuple[list[list[Arrived]], set[int]], data: st.DataObject
) -> None:
    """Also with a queue of a few frames that is read now and then: gaps arrive in order, none is dropped."""
    groups, offsets = history
    covered, outbox = Covered(Offset(0), -1), Outbox(max_frames=4, max_notices=2)
    frames: list[dict[str, Any]] = []

    def read(most: int) -> None:
        while most and (frame := outbox.take()) is not None:
            frames.append(json.loads(frame.text))
            most -= 1

    for group in groups:
        made, covered = fold(group, covered, 7)
        for frame in made:
            outbox.offer(frame)
        read(data.draw(st.integers(0, 5)))
    read(-1)
    check(frames, offsets)


def test_control_events_leave_no_gap() -> None:
    """Offsets that are no metrics are covered in silence, by the frame around them."""
    group = [Arrived(at, Offset(at * 10), Offset(at * 10 + 1), 0, [METRIC]) for at in range(3)]
    [frame], covered = fold(group, Covered(Offset(0), -1), 7)
    assert (frame.first_offset, frame.last_offset) == (0, 20)
    assert covered == Covered(Offset(21), 2)


def test_live_frames_tell_when_they_were_made() -> None:
    """Each of them carries the moment; a backfilled frame, which says nothing of now, has no such field."""
    group = [Arrived(0, Offset(0), Offset(MAX_METRICS + 1), 0, [METRIC] * (MAX_METRICS + 1))]
    frames, _ = fold(group, Covered(Offset(0), -1), 1_750_000_000_123_456_789)
    assert [json.loads(frame.text)["at"] for frame in frames] == [1_750_000_000_123_456_789] * 2
    assert metrics_frame([], 3, 4).text == '{"type":"metrics","first_offset":3,"last_offset":4,"metrics":[]}'


@given(st.lists(st.integers(1, 300), min_size=1, max_size=20), st.sampled_from([100, 1_000, 3_000, 50_000]))
def test_many_subscribers_are_sent_the_newest_and_told_of_the_rest(
    counts: list[int], subscribers: int
) -> None:
    """All of them together are sent at most MAX_COPIES metrics, one each at least: the newest; the others lie
    in one gap before these."""
    offset, arrived = 0, list[Arrived]()
    for sequence, count in enumerate(counts):
        arrived.append(Arrived(sequence, Offset(offset), Offset(offset + count), 0, [METRIC] * count))
        offset += count
    made, covered = fold(arrived, Covered(Offset(0), -1), 7, subscribers)
    frames = [json.loads(frame.text) for frame in made]
    most = min(offset, max(1, MAX_COPIES // subscribers))
    sent = [metric["offset"] for frame in frames if frame["type"] == "metrics" for metric in frame["metrics"]]
    assert sent == list(range(offset - most, offset))
    gaps = [(frame["first_offset"], frame["last_offset"]) for frame in frames if frame["type"] == "gap"]
    assert gaps == ([(0, offset - most - 1)] if most < offset else [])
    assert covered == Covered(Offset(offset), len(counts) - 1)


def test_late_timers_do_not_add_up() -> None:
    """Ten times a second stays ten, though each is late; after a silence nothing is made up for."""
    sent, now = 0.0, 0.0
    for _ in range(1_000):
        now = max(now, sent + 0.1) + 0.02
        sent = beat(sent, now, 0.1)
    assert now == pytest.approx(100.02)
    assert beat(sent, now + 60, 0.1) == now + 60
    assert beat(float("-inf"), 5.0, 0.1) == 5.0
