"""What the queue decides, with no queue at all."""

from __future__ import annotations

import pytest

from actors.core.dead_letters import DAY, SURE_AFTER, Limits, ageing, bury, kept_time, too_old
from journal.dead_letters import evolve_buried
from journal.events import DeadLettersExpired, MetricDeadLettered
from journal.metric import Metric, Nanoseconds, Offset
from journal.state import State
from web.letters import LetterTimeError

THEN = 1_700_000_000_000_000_000


def event(at: int = 1, *, cause: str = "check", time: Nanoseconds | None = None) -> MetricDeadLettered:
    metric = Metric("cpu", 1.0, time)
    return MetricDeadLettered("sqlite", Offset(at), THEN, metric, cause, "breaks a check", 1, THEN)


@pytest.mark.parametrize("time", [None, 7])
def test_an_edit_without_a_time_gets_the_letters(time: Nanoseconds | None) -> None:
    """The client's, or none where the client sent none: the row is the same one."""
    assert kept_time(Offset(3), event(time=time), Metric("cpu", 2.0)) == Metric("cpu", 2.0, time)


@pytest.mark.parametrize(("time", "same"), [(None, THEN), (7, 7)])
def test_an_edit_may_say_the_letters_time(time: Nanoseconds | None, same: Nanoseconds) -> None:
    """Its own, or that of its receipt; any other is refused, and the error says which to keep."""
    assert kept_time(Offset(3), event(time=time), Metric("cpu", 2.0, same)).time == same
    with pytest.raises(LetterTimeError, match=f"dead letter 3 keeps its time, {same}"):
        kept_time(Offset(3), event(time=time), Metric("cpu", 2.0, same + 1))


def test_a_time_out_of_range_can_be_mended() -> None:
    """What the store refused for its range was never stored, under whatever time."""
    letter = event(cause="out-of-range", time=2**63 - 1)
    assert kept_time(Offset(3), letter, Metric("cpu", 2.0, THEN)).time == THEN


def full(letters: int) -> State:
    """A queue in which letters 0, 1, 2, … wait."""
    return evolve_buried(State(), [(Offset(at), event(at)) for at in range(letters)], THEN)


def test_what_is_under_way_makes_no_room() -> None:
    """It may be in its store by now: the next oldest expire in its stead, and the new one goes in."""
    fresh = event(100)
    events = bury(full(4), [fresh], Limits(3, 90.0), under_way={Offset(0), Offset(2)})
    assert events == [DeadLettersExpired("sqlite", [Offset(1), Offset(3)], "items"), fresh]


def test_what_is_under_way_does_not_expire() -> None:
    """However old: what is not under way goes."""
    since = dict.fromkeys(map(Offset, range(3)), 0.0)
    events = too_old(full(3), since, SURE_AFTER, under_way={Offset(1)})
    assert events == [DeadLettersExpired("sqlite", [Offset(0), Offset(2)], "age")]


def test_a_clock_that_is_ahead_for_a_moment_costs_nothing() -> None:
    """A letter expires when every look for an hour has found it too old, and not before."""
    state, limits = full(2), Limits(10, 1.0)
    on_time, ahead = THEN + DAY // 2, THEN + 40 * DAY
    since: dict[Offset, float] = {}
    for monotonic, now in ((0.0, ahead), (60.0, on_time), (120.0, ahead), (120.0 + SURE_AFTER - 1, ahead)):
        since = ageing(state, limits, since, now, monotonic)
        assert too_old(state, since, monotonic) == []
    since = ageing(state, limits, since, ahead, 120.0 + SURE_AFTER)
    expired = DeadLettersExpired("sqlite", [Offset(0), Offset(1)], "age")
    assert too_old(state, since, 120.0 + SURE_AFTER) == [expired]
