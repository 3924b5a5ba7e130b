"""What was decided about flags is a fold of its events."""

from __future__ import annotations

from journal.events import decode, encode
from journal.flags import MAX_OVERRIDES, FlagChanged, FlagEvent, FlagOverridden, FlagState
from journal.metric import Offset
from journal.replay import evolve
from journal.state import State


def folded(*events: FlagEvent) -> dict[str, FlagState]:
    """The flags after `events`, the first written at time 1, the second at 2, …"""
    state = State()
    for time, event in enumerate(events, 1):
        state = evolve(state, event, time, Offset(time))
    assert state.events == len(events)
    return state.flags


def test_the_last_change_holds() -> None:
    """Value, rollout, time and who are those of the last change; other flags stay as they are."""
    flags = folded(FlagChanged("a", "x", 10.0, "eve"), FlagChanged("b", True), FlagChanged("a", "y", 20.0))
    assert flags == {
        "a": FlagState("y", 20.0, updated_at=3),
        "b": FlagState(True, 100.0, updated_at=2),
    }


def test_an_override_stays_through_a_change_and_goes_with_a_reset() -> None:
    """Whoever moves the rollout leaves the overrides alone; a reset leaves nothing of the flag."""
    overridden = FlagOverridden("a", "s1", "z", "eve")
    flags = folded(overridden, FlagChanged("a", "x", 10.0))
    assert flags == {"a": FlagState("x", 10.0, {"s1": "z"}, updated_at=2)}
    assert folded(overridden, FlagChanged("a", "x", 10.0), FlagChanged("a")) == {}


def test_an_override_that_is_taken_back() -> None:
    """The session is as all others again; a flag of which nothing else was decided is gone."""
    assert folded(FlagOverridden("a", "s1", 1), FlagOverridden("a", "s1")) == {}
    flags = folded(FlagOverridden("a", "s1", 1), FlagOverridden("a", "s2", 2), FlagOverridden("a", "s1"))
    assert flags["a"].overrides == {"s2": 2}
    assert folded(FlagOverridden("a", "unknown")) == {}


def test_overrides_are_bounded() -> None:
    """Beyond MAX_OVERRIDES the one set longest ago goes; setting one anew makes it the youngest."""
    some = [FlagOverridden("a", f"s{number}", number) for number in range(MAX_OVERRIDES)]
    flags = folded(*some, FlagOverridden("a", "s0", -1), FlagOverridden("a", "one more", 7))
    assert len(flags["a"].overrides) == MAX_OVERRIDES
    assert "s1" not in flags["a"].overrides
    assert list(flags["a"].overrides.items())[-2:] == [("s0", -1), ("one more", 7)]


def test_types_survive_the_journal() -> None:
    """True is not 1, and 1 is not 1.0, after reading back as before."""
    events: list[FlagEvent] = [FlagChanged("a", value) for value in (True, 1, 1.0, "1", None)]
    read = decode(encode(events), 0)
    assert read == events
    assert [type(getattr(event, "value", 0)) for event in read] == [bool, int, float, str, type(None)]
