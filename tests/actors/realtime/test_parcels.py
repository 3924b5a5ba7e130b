from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from actors.core.frames import encode_frame, metrics_frame
from actors.realtime.parcels import Parcel, body, gap_parcel, parcels
from journal.metric import Offset
from web.outbox import gap_frame
from web.ports import Frame, Gap, Goodbye, LiveMetric


def metric(offset: int, text: str = "") -> LiveMetric:
    return LiveMetric(Offset(offset), "m", float(offset), 10**18 + offset, source=text)


def frame(first: int, last: int, text: str = "", at: int = 0) -> Frame:
    return metrics_frame([metric(offset, text) for offset in range(first, last + 1)], first, last, at)


def read(parcel: Parcel) -> dict[str, Any]:
    return json.loads(parcel.payload)


def test_a_frame_that_fits_is_published_as_it_is() -> None:
    """Its payload is the very text that the WebSocket sends."""
    one = frame(0, 9)
    assert parcels([one], 10_000) == [Parcel(one.text.encode(), 0, 9)]


def test_frames_that_follow_each_other_are_made_one() -> None:
    """As many as fit the largest message go into one, whose metrics are theirs as written."""
    frames = [frame(0, 9), frame(10, 19), frame(20, 29)]
    [both] = parcels(frames, 100_000)
    assert (both.first_offset, both.last_offset) == (0, 29)
    assert read(both)["metrics"] == [one for each in frames for one in json.loads(each.text)["metrics"]]


def test_a_message_says_when_the_oldest_of_its_frames_was_made() -> None:
    """Joined frames are as old as the oldest, parts of one as old as it; what was backfilled says nothing."""
    moments = [frame(0, 9, at=10**18 + 5), frame(10, 19, at=10**18), frame(20, 29)]
    [joined] = parcels(moments, 100_000)
    assert read(joined)["at"] == 10**18
    split = parcels([frame(0, 9, "x" * 100, at=10**18)], 500)
    assert [read(each)["at"] for each in split] == [10**18] * len(split)
    assert len(split) > 1
    assert "at" not in read(parcels([frame(0, 4), frame(5, 9)], 100_000)[0])


@given(
    lengths=st.lists(st.integers(0, 300), min_size=1, max_size=40),
    cuts=st.sets(st.integers(1, 39)),
    most=st.integers(250, 2_000),
)
def test_every_offset_is_in_one_message_and_none_is_too_large(
    lengths: list[int], cuts: set[int], most: int
) -> None:
    """However frames are cut and metrics sized, messages cover the offsets in order, once, within the limit;
    a metric that cannot fit is a gap of its own."""
    starts = [0, *sorted(cut for cut in cuts if cut < len(lengths))]
    frames = list[Frame]()
    for start, end in zip(starts, [*starts[1:], len(lengths)], strict=True):
        metrics = [metric(offset, "x" * lengths[offset]) for offset in range(start, end)]
        frames.append(metrics_frame(metrics, start, end - 1, 10**18))
    packed = parcels(frames, most)
    covered = [offset for each in packed for offset in range(each.first_offset, each.last_offset + 1)]
    assert covered == list(range(len(lengths)))
    assert all(len(each.payload) <= most for each in packed)
    for each in packed:
        sent = read(each)
        assert (sent["first_offset"], sent["last_offset"]) == (each.first_offset, each.last_offset)
        if sent["type"] == "metrics":
            assert [one["offset"] for one in sent["metrics"]] == covered[
                each.first_offset : each.last_offset + 1
            ]
        else:
            alone = metric(each.first_offset, "x" * lengths[each.first_offset])
            assert len(msgspec.json.encode(alone)) + 200 > most


def test_control_events_before_a_metric_that_cannot_fit_are_covered_with_it() -> None:
    """Offsets that no metric has are in a message, too: a page would ask for them."""
    one = metrics_frame([metric(7, "x" * 3_000), metric(8)], 5, 9, 10**18)
    assert [each[1:] for each in parcels([one], 1_000)] == [(5, 7), (8, 9)]


def test_other_frames_keep_their_place() -> None:
    """A gap or a goodbye between metrics stays there, and the offsets of a gap are known from its text."""
    between = [gap_frame(Gap(Offset(10), Offset(14), "slow")), encode_frame(Goodbye("stop", 1.0))]
    packed = parcels([frame(0, 9), *between, frame(15, 19)], 100_000)
    assert [read(each)["type"] for each in packed] == ["metrics", "gap", "goodbye", "metrics"]
    assert packed[1][1:] == (10, 14)


def test_the_body_is_what_realtime_takes() -> None:
    """Each message names topic, event and privacy, and its payload is the frame."""
    sent = [gap_parcel(3, 4), Parcel(b'{"type":"status"}')]
    assert json.loads(body("forebay:ü", sent)) == {
        "messages": [
            {"topic": "forebay:ü", "event": "frame", "private": True, "payload": read(each)} for each in sent
        ]
    }
