from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.realtime.rate import WINDOW, Rate


@given(most=st.integers(1, 20), steps=st.lists(st.floats(0.0, 0.4), min_size=1, max_size=60))
def test_no_second_has_more_than_allowed(most: int, steps: list[float]) -> None:
    """Whoever sends as much as there is room for never exceeds the limit in any second."""
    rate, now, sent = Rate(most), 0.0, list[float]()
    for step in steps:
        now += step
        room = rate.room(now)
        rate.sent(now, room, room)
        sent += [now] * room
    assert all(sum(begin <= at < begin + WINDOW for at in sent) <= most for begin in sent)


def test_it_says_when_there_is_room_again() -> None:
    """Used up, there is room when the oldest is a second ago; before that there is none."""
    rate = Rate(2)
    rate.sent(10.0, 1, 100)
    rate.sent(10.4, 1, 50)
    assert (rate.room(10.5), rate.free_at(10.5), rate.within(10.5)) == (0, 11.0, (2, 150))
    assert (rate.room(11.0), rate.free_at(11.0), rate.within(11.0)) == (1, 11.0, (1, 50))
