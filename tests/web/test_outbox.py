from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.web.memory import metrics_frame
from web.outbox import Outbox
from web.ports import Frame, Gap

# True: the next frame, of that many offsets, is offered. None: one frame is taken.
steps = st.lists(st.integers(1, 5) | st.none(), max_size=200)


def drain(outbox: Outbox) -> list[Frame]:
    frames: list[Frame] = []
    while (frame := outbox.take()) is not None:
        frames.append(frame)
    return frames


def ranges(frames: Sequence[Frame]) -> list[tuple[int, int, str]]:
    """What each frame says of which offsets."""
    said: list[tuple[int, int, str]] = []
    for frame in frames:
        if frame.first_offset >= 0:
            said.append((frame.first_offset, frame.last_offset, "metrics"))
        else:
            gap = msgspec.json.decode(frame.text, type=Gap)
            said.append((gap.first_offset, gap.last_offset, "gap"))
    return said


@given(steps, st.integers(1, 6), st.integers(50, 2000))
def test_every_offset_is_delivered_or_in_exactly_one_gap(
    steps: list[int | None], max_frames: int, max_bytes: int
) -> None:
    """However offering and taking interleave: what is said covers all offsets once, in order."""
    outbox = Outbox(max_frames, max_bytes)
    taken: list[Frame] = []
    following = 0
    for count in steps:
        if count is None:
            frame = outbox.take()
            if frame is not None:
                taken.append(frame)
        else:
            outbox.offer(metrics_frame(following, following + count - 1))
            following += count
    taken += drain(outbox)
    at = 0
    for first, last, _ in ranges(taken):
        assert first == at
        assert last >= first
        at = last + 1
    assert at == following


@given(steps, st.integers(1, 6), st.integers(50, 2000))
def test_the_outbox_is_bounded(steps: list[int | None], max_frames: int, max_bytes: int) -> None:
    """Never more frames than allowed and one gap; never more text, unless one frame is all there is."""
    outbox = Outbox(max_frames, max_bytes)
    following = 0
    for count in steps:
        if count is None:
            outbox.take()
        else:
            outbox.offer(metrics_frame(following, following + count - 1))
            following += count
    frames = drain(outbox)
    assert len(frames) <= max_frames + 1
    metrics = [frame for frame in frames if frame.first_offset >= 0]
    assert len(metrics) == 1 or sum(len(frame.text) for frame in metrics) <= max_bytes + 200


@given(steps)
def test_a_subscriber_that_keeps_up_sees_no_gap(steps: list[int | None]) -> None:
    """Taking after every offer leaves nothing out."""
    outbox = Outbox(max_frames=1)
    following = 0
    for count in filter(None, steps):
        outbox.offer(metrics_frame(following, following + count - 1))
        assert [said for _, _, said in ranges(drain(outbox))] == ["metrics"]
        following += count
    assert outbox.gaps == 0


def test_frames_are_sent_again_once_half_the_queue_is_free() -> None:
    """One gap for everything that was dropped, then live frames: not a gap after every frame."""
    outbox = Outbox(max_frames=4)
    for offset in range(10):
        outbox.offer(metrics_frame(offset, offset))
    assert ranges([outbox.take() or Frame("")]) == [(0, 0, "metrics")]
    outbox.offer(metrics_frame(10, 10))
    for _ in range(2):
        outbox.take()
    outbox.offer(metrics_frame(11, 11))
    assert ranges(drain(outbox)) == [(3, 3, "metrics"), (4, 10, "gap"), (11, 11, "metrics")]


def test_notices_go_first_and_the_oldest_is_dropped() -> None:
    """Status frames are neither held up by metrics nor kept without end."""
    outbox = Outbox(max_notices=2)
    outbox.offer(metrics_frame(0, 0))
    for text in "abc":
        outbox.offer(Frame(text))
    assert [frame.text for frame in drain(outbox)][:2] == ["b", "c"]
