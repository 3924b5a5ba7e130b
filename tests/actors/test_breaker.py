"""The circuit breaker: pybreaker's decisions, the journal's memory, and a clock that can be set."""

from __future__ import annotations

import pytest

from actors.persistence.breaker import SECOND, StoreBreaker
from actors.stores.base import DeniedError, OutageError
from journal.events import BreakerMoved
from journal.metric import Offset
from journal.replay import evolve
from journal.state import BreakerState, State

OUTAGE = OutageError("s", "nobody listens")


class Clocked:
    """A breaker with its clock, and the journal that hears of its moves."""

    def __init__(self, threshold: int = 3, timeout: float = 60.0) -> None:
        self.now = 1_000 * SECOND
        self.threshold, self.timeout = threshold, timeout
        self.journal = State()
        self.moves: list[BreakerMoved] = []
        self.breaker = self.restarted()

    def restarted(self) -> StoreBreaker:
        """The breaker as the next process finds it."""
        self.breaker = StoreBreaker(
            "s",
            self.journal.breakers.get("s", BreakerState()),
            threshold=self.threshold,
            timeout=self.timeout,
            now=lambda: self.now,
            moved=self._moved,
        )
        return self.breaker

    def _moved(self, event: BreakerMoved) -> None:
        self.moves.append(event)
        self.journal = evolve(self.journal, event, self.now, Offset(len(self.moves)))

    def after(self, seconds: float) -> StoreBreaker:
        self.now += int(seconds * SECOND)
        return self.breaker


def test_it_opens_after_so_many_outages_in_a_row() -> None:
    """Not before, and a success in between begins the row anew."""
    clocked = Clocked(threshold=3)
    breaker = clocked.breaker
    for _ in range(5):
        breaker.failed(OUTAGE)
        breaker.failed(OUTAGE)
        breaker.succeeded()
    assert breaker.position == "closed"
    assert breaker.held() is None
    for _ in range(3):
        breaker.failed(OUTAGE)
    assert breaker.position == "open"
    assert breaker.held() == 60
    assert [(move.state, move.failures, move.error) for move in clocked.moves] == [("open", 3, str(OUTAGE))]


def test_it_recovers_after_its_time_out() -> None:
    """Open, half-open once its time is over, closed when the probe passes."""
    clocked = Clocked()
    for _ in range(3):
        clocked.breaker.failed(OUTAGE)
    assert clocked.after(59).held() == 1
    assert clocked.after(1).held() == 0
    assert clocked.breaker.admit()
    assert clocked.breaker.position == "half-open"
    clocked.breaker.succeeded()
    assert clocked.breaker.position == "closed"
    assert clocked.breaker.failures == 0
    assert [move.state for move in clocked.moves] == ["open", "half-open", "closed"]


def test_one_failed_probe_opens_it_for_as_long_again() -> None:
    """Half-open asks for one success, and forgives no failure."""
    clocked = Clocked()
    for _ in range(3):
        clocked.breaker.failed(OUTAGE)
    for _ in range(4):
        clocked.after(60).admit()
        clocked.breaker.failed(OUTAGE)
        assert clocked.breaker.position == "open"
        assert clocked.breaker.held() == 60
    assert clocked.breaker.failures == 7


def test_a_refusal_of_rights_opens_it_at_once() -> None:
    """A wrong key does not get better by trying it five times."""
    clocked = Clocked(threshold=100)
    clocked.breaker.trip(DeniedError("s", "wrong key"))
    assert clocked.breaker.position == "open"
    assert "wrong key" in clocked.breaker.state.error


@pytest.mark.parametrize("probing", [False, True])
def test_its_state_survives_a_restart(probing: bool) -> None:
    """Started during an outage it waits for what is left of its time; killed during a probe, it probes."""
    clocked = Clocked()
    for _ in range(3):
        clocked.breaker.failed(OUTAGE)
    since = clocked.now
    if probing:
        clocked.after(60).admit()
        again = clocked.restarted()
        assert again.held() is None
        assert again.admit()
        again.failed(OUTAGE)
        assert again.held() == 60
    else:
        clocked.after(20)
        again = clocked.restarted()
        assert again.held() == 40
        assert again.state.since == since
        assert again.failures == 3
        assert str(OUTAGE) in again.state.error


def test_a_clock_that_was_set_back_does_not_keep_it_open() -> None:
    """It waits for a whole time-out at most."""
    clocked = Clocked()
    for _ in range(3):
        clocked.breaker.failed(OUTAGE)
    assert clocked.after(-86_400).held() == 60


def test_a_clock_that_was_set_back_is_waited_for_once_only() -> None:
    """Looked at again and again, it opens after one whole time-out, not after the whole jump."""
    clocked = Clocked()
    for _ in range(3):
        clocked.breaker.failed(OUTAGE)
    clocked.after(-3_600)
    assert [clocked.after(20).held() for _ in range(4)] == [60, 40, 20, 0]


def test_a_person_opens_it_until_a_person_closes_it() -> None:
    """No time-out ends that, nor what comes of a write that was under way, nor a restart."""
    clocked = Clocked()
    clocked.breaker.switch_off()
    for told in (
        clocked.breaker.succeeded,
        lambda: clocked.breaker.failed(OUTAGE),
        lambda: clocked.breaker.trip(DeniedError("s", "wrong key")),
        clocked.breaker.switch_off,
    ):
        told()
    assert [(move.state, move.by, move.probe_at) for move in clocked.moves] == [("open", "hand", 0)]
    again = clocked.restarted()
    clocked.after(365 * 86_400)
    assert again.is_held
    assert again.held()
    again.probe_now()
    assert not again.is_held
    assert again.held() == 0
    assert again.admit()
    again.succeeded()
    assert again.position == "closed"
    assert [move.by for move in clocked.moves] == ["hand", "", "", ""]


def test_a_person_may_take_over_an_outage_and_end_it() -> None:
    """Open already, it is held from then on; let go, it probes at once instead of after its time-out."""
    clocked = Clocked()
    for _ in range(3):
        clocked.breaker.failed(OUTAGE)
    clocked.breaker.probe_now()
    assert clocked.breaker.held() == 0
    clocked.after(5).switch_off()
    assert clocked.breaker.is_held
    assert clocked.breaker.state.since == clocked.now
    clocked.breaker.probe_now()
    clocked.breaker.admit()
    clocked.breaker.failed(OUTAGE)
    assert clocked.breaker.held() == 60
    assert clocked.breaker.state.by == ""
