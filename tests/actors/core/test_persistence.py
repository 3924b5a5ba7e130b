"""How a store is fed, as a pure decision."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.core.persistence import (
    COURTESY,
    LONGEST_COURTESY,
    LONGEST_WAIT,
    PAUSE,
    PRESSED,
    Failed,
    Feed,
    Feeding,
    Open,
    Opened,
    Opening,
    Pressure,
    Rest,
    RetryPolicy,
    State,
    Stored,
    Waiting,
    courtesy,
    evolve,
    next_step,
)
from journal.metric import Offset

POLICY = RetryPolicy(first=0.2, factor=2.0, max_attempts=3)
kinds = st.sampled_from(["outage", "throttled", "transient", "poison", "denied", "corrupt"])
failures = st.builds(
    Failed,
    kind=kinds,
    error=st.just("boom"),
    now=st.just(0.0),
    chance=st.floats(0, 1),
    retry_after=st.none() | st.floats(0, 100),
)


class Model:
    """A store that has taken everything before `taken`, and the clock of its actor."""

    def __init__(self) -> None:
        self.state: State = Opening()
        self.taken = 0
        self.now = 0.0

    def step(self, failed: Failed | None, batch: int) -> None:
        match next_step(self.state, self.now, None):
            case Rest(seconds=seconds):
                assert 0 < seconds <= LONGEST_WAIT + 100
                self.now += seconds
            case Open():
                event = Opened(Offset(self.taken)) if failed is None else self._at(failed)
                self.state = evolve(self.state, event, POLICY)
            case Feed(cursor=cursor):
                assert cursor == self.taken, "something is skipped, or sent to be stored again"
                if failed is None:
                    self.taken += batch
                    event = Stored(Offset(self.taken))
                else:
                    event = self._at(failed)
                self.state = evolve(self.state, event, POLICY)

    def _at(self, failed: Failed) -> Failed:
        return Failed(failed.kind, failed.error, self.now, failed.chance, failed.retry_after)


@given(st.lists(st.tuples(st.none() | failures, st.integers(1, 100))))
def test_nothing_is_skipped_whatever_fails(script: list[tuple[Failed | None, int]]) -> None:
    """Every attempt begins exactly where the last success ended, and after the last failure it goes on."""
    model = Model()
    for failed, batch in script:
        model.step(failed, batch)
    before = model.taken
    for _ in range(4):
        model.step(None, 7)
    assert model.taken > before
    assert isinstance(model.state, Feeding)


@given(st.lists(failures, min_size=1, max_size=30))
def test_waits_grow_and_stay_within_bounds(series: list[Failed]) -> None:
    """Each wait is at least the first one and what the store asked for, at most the longest, or that."""
    state: State = Feeding(Offset(3))
    for attempt, failed in enumerate(series, 1):
        state = evolve(state, failed, POLICY)
        assert isinstance(state, Waiting)
        assert state.attempts == attempt
        assert state.cursor == 3
        asked = failed.retry_after or 0.0
        assert max(POLICY.first, asked) <= state.until <= max(LONGEST_WAIT, asked)


def test_without_jitter_the_wait_doubles_up_to_the_longest() -> None:
    """0.2, 0.4, 0.8 … 30 seconds, and then a pause before the next turn."""
    policy = RetryPolicy(first=0.2, factor=2.0, max_attempts=11)
    waits = [policy.wait(attempts, 1.0, None) for attempts in range(1, 13)]
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, PAUSE, 0.2]


@given(st.integers(1, 10), st.floats(0, 1))
def test_without_retry_there_is_no_second_attempt_before_the_pause(attempts: int, chance: float) -> None:
    """One attempt is a turn of its own: nothing is tried again in a hurry."""
    assert RetryPolicy(max_attempts=1).wait(attempts, chance, None) == PAUSE


def test_what_the_breaker_holds_is_not_tried_and_a_due_probe_does_not_wait() -> None:
    """The breaker's time counts, whatever the backoff would say."""
    waiting = evolve(Feeding(Offset(4)), Failed("outage", "", 0.0, 1.0), POLICY)
    assert next_step(waiting, 100.0, 7.0) == Rest(7.0)
    assert next_step(waiting, 0.0, 0.0) == Open()
    assert next_step(waiting, 0.0, None) == Rest(0.2)
    assert next_step(Opening(), 0.0, 3.0) == Rest(3.0)


def test_opening_alone_does_not_end_a_row_of_failures() -> None:
    """A full disk opens and takes nothing: the backoff goes on, and the error stays known."""
    state: State = Feeding(Offset(0))
    for _ in range(3):
        state = evolve(state, Failed("outage", "disk full", 0.0, 1.0), POLICY)
        state = evolve(state, Opened(Offset(0)), POLICY)
    assert state == Feeding(Offset(0), 3, "disk full")
    assert evolve(state, Stored(Offset(5)), POLICY) == Feeding(Offset(5))


def test_only_what_may_be_the_connections_fault_is_met_by_opening_anew() -> None:
    """An outage, and rights or tables that somebody mends meanwhile; other errors say nothing against it."""
    for kind in ("throttled", "transient", "poison", "queue"):
        state = evolve(Feeding(Offset(4)), Failed(kind, "", 0.0, 0.0), POLICY)
        assert next_step(state, 1.0, None) == Feed(Offset(4))
    for kind in ("outage", "denied", "corrupt"):
        state = evolve(Feeding(Offset(4)), Failed(kind, "", 0.0, 0.0), POLICY)
        assert next_step(state, 1.0, None) == Open()


@given(st.floats(0, 100), st.floats(0, 1), st.floats(0, 1))
def test_a_store_rests_only_while_clients_wait_and_no_processor_is_idle(
    took: float, waited: float, processor: float
) -> None:
    """Either alone is no reason; the rest grows with the write and has an end."""
    rest = courtesy(took, Pressure(waited, processor))
    if min(waited, processor) < PRESSED:
        assert rest == 0.0
    else:
        assert rest == min(COURTESY * took, LONGEST_COURTESY)
