"""Which segments may go, as a pure decision."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from actors.core.retention import DAY, KeepWindow, retired
from journal.metric import Offset
from journal.segment import SegmentInfo

NOW = 100 * DAY


def journal(widths: list[int], ages: list[int], size: int = 100) -> list[SegmentInfo]:
    """Segments of these widths in offsets, begun so many days before NOW, the oldest first."""
    firsts = [0, *accumulate(widths[:-1])]
    return [
        SegmentInfo(Offset(first), size, NOW - age * DAY)
        for first, age in zip(firsts, sorted(ages, reverse=True), strict=True)
    ]


@st.composite
def journals(draw: st.DrawFn) -> list[SegmentInfo]:
    count = draw(st.integers(1, 12))
    widths = draw(st.lists(st.integers(1, 50), min_size=count, max_size=count))
    return journal(widths, draw(st.lists(st.integers(0, 50), min_size=count, max_size=count)))


windows = st.builds(KeepWindow, days=st.floats(0, 60), bytes=st.integers(0, 2000))
cursors = st.lists(st.integers(0, 700).map(Offset), max_size=3)


@given(journals(), cursors, windows, st.booleans())
def test_what_a_store_still_needs_stays(
    segments: list[SegmentInfo], needed: list[Offset], window: KeepWindow, full: bool
) -> None:
    """What goes is a run of the oldest, never the newest, and lies before every store's cursor."""
    gone = retired(segments, needed, window, NOW, disk_full=full)
    assert gone == [segment.first_offset for segment in segments[: len(gone)]]
    assert len(gone) < len(segments)
    if gone:
        assert segments[len(gone)].first_offset <= min(needed, default=0)


@given(journals(), windows)
def test_the_window_is_kept_to(segments: list[SegmentInfo], window: KeepWindow) -> None:
    """With every store level, what stays beyond the newest segment is within the window, and no more goes
    than must."""
    gone = retired(segments, [Offset(10_000)], window, NOW, disk_full=False)
    kept = segments[len(gone) :]
    total = sum(segment.size for segment in kept)
    if len(kept) > 1:
        assert total <= window.bytes
        assert NOW - kept[1].created_at <= window.days * DAY
    if gone:
        last = len(gone) - 1
        too_old = NOW - segments[last + 1].created_at > window.days * DAY
        assert too_old or total + segments[last].size > window.bytes


def test_no_store_means_that_nothing_goes() -> None:
    """Without a store nobody has the metrics but the journal."""
    segments = journal([10, 10, 10], [50, 40, 30])
    assert retired(segments, [], KeepWindow(0, 0), NOW, disk_full=True) == []


def test_a_full_disk_gives_up_history_one_segment_at_a_time() -> None:
    """Within the window, but every store holds it: it is worth less than what would be refused."""
    segments = journal([10, 10, 10], [2, 1, 0])
    window = KeepWindow(7, 10_000)
    assert retired(segments, [Offset(30)], window, NOW, disk_full=False) == []
    assert retired(segments, [Offset(30)], window, NOW, disk_full=True) == [0]
    assert retired(segments, [Offset(9)], window, NOW, disk_full=True) == []
