from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.kernel import Actor, Backoff, ChildSpec, InvalidSpec, RestartKind, Strategy, SupervisorSpec
from actors.kernel.supervision import GiveUp, History, RestartAfter, affected, decide, is_restarted

chances = st.floats(0, 1)
backoffs = st.builds(
    lambda first, more, factor, jitter: Backoff(first, factor, first + more, jitter),
    st.floats(0, 100),
    st.floats(0, 1000),
    st.floats(1, 10),
    chances,
)


@given(backoffs, st.integers(1, 5000), chances)
def test_a_backoff_stays_within_its_bounds(backoff: Backoff, attempt: int, chance: float) -> None:
    """No delay is negative or above the longest, nor is more taken off than the jitter allows."""
    delay = backoff.delay(attempt, chance)
    assert 0 <= delay <= backoff.longest
    assert delay >= backoff.first * (1 - backoff.jitter) * (1 - 1e-9)


@given(backoffs, st.integers(1, 100), chances)
def test_a_backoff_never_shrinks(backoff: Backoff, attempt: int, chance: float) -> None:
    """With the same chance, a later attempt waits at least as long."""
    assert backoff.delay(attempt + 1, chance) >= backoff.delay(attempt, chance)


def test_a_backoff_grows_by_its_factor_up_to_the_longest() -> None:
    """Without jitter, the delays are the powers of the factor until the longest is reached."""
    backoff = Backoff(first=0.5, factor=2, longest=3, jitter=0)
    assert [backoff.delay(attempt, 0.7) for attempt in (1, 2, 3, 4, 9)] == [0.5, 1, 2, 3, 3]


@pytest.mark.parametrize(
    ("restart", "failed", "expected"),
    [
        ("permanent", True, True),
        ("permanent", False, True),
        ("transient", True, True),
        ("transient", False, False),
        ("temporary", True, False),
        ("temporary", False, False),
    ],
)
def test_the_restart_kind_says_who_is_restarted(restart: RestartKind, failed: bool, expected: bool) -> None:
    """Permanent children always are, transient ones after a failure, temporary ones never."""
    assert is_restarted(restart, failed=failed) is expected


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("one_for_one", ["b"]), ("rest_for_one", ["b", "c"]), ("one_for_all", ["a", "b", "c"])],
)
def test_the_strategy_says_who_is_affected(strategy: Strategy, expected: list[str]) -> None:
    """Of a, b and c, in this order of start, b has ended."""
    assert list(affected(strategy, ["a", "b", "c"], "b")) == expected


def spec(intensity: int, period: float) -> SupervisorSpec:
    return SupervisorSpec("s", (), intensity=intensity, period=period, backoff=Backoff(1, 2, 64, 0))


def verdicts(supervisor: SupervisorSpec, ends: list[tuple[float, str]]) -> list[float | None]:
    """The delay decided at each end of a child; None where the supervisor gives up."""
    history: History = ()
    delays: list[float | None] = []
    for now, child in ends:
        match decide(supervisor, history, child, now, 0.5):
            case RestartAfter(delay, history):
                delays.append(delay)
            case GiveUp():
                delays.append(None)
    return delays


def test_one_restart_more_than_the_intensity_is_too_many() -> None:
    """With intensity 2, the third end within the period makes the supervisor give up, whoever ended."""
    assert verdicts(spec(2, 10), [(0, "a"), (1, "b"), (2, "c")]) == [1, 1, None]


def test_restarts_are_forgotten_after_the_period() -> None:
    """An end exactly one period after another counts neither for the intensity nor for the backoff."""
    assert verdicts(spec(1, 10), [(0, "a"), (10, "a"), (19.9, "a")]) == [1, 1, None]


def test_the_backoff_grows_with_the_restarts_of_the_same_child() -> None:
    """Ends of b do not lengthen the wait of a."""
    assert verdicts(spec(9, 10), [(0, "a"), (1, "b"), (2, "a"), (3, "a")]) == [1, 1, 2, 4]


@given(
    st.integers(0, 5),
    st.floats(0.1, 100),
    st.lists(st.tuples(st.floats(0, 50), st.sampled_from("abc")), max_size=30),
)
def test_no_period_sees_more_restarts_than_the_intensity(
    intensity: int, period: float, gaps: list[tuple[float, str]]
) -> None:
    """However the ends fall, no window of one period contains more restarts than the intensity."""
    ends, now = [], 0.0
    for gap, child in gaps:
        now += gap
        ends.append((now, child))
    delays = verdicts(spec(intensity, period), ends)
    restarts = [at for (at, _), delay in zip(ends, delays, strict=True) if delay is not None]
    assert all(sum(at - period < other <= at for other in restarts) <= intensity for at in restarts)


@pytest.mark.parametrize(
    ("make", "about"),
    [
        (lambda: ChildSpec("", Actor), "id"),
        (lambda: ChildSpec("a/b", Actor), "slash"),
        (lambda: ChildSpec("a", Actor, capacity=0), "capacity"),
        (lambda: ChildSpec("a", Actor, max_batch=0), "max_batch"),
        (lambda: ChildSpec("a", Actor, shutdown=-1), "shutdown"),
        (lambda: ChildSpec("a", Actor, shutdown=float("nan")), "shutdown"),
        (lambda: SupervisorSpec("s", (ChildSpec("a", Actor), ChildSpec("a", Actor))), "'a'"),
        (lambda: SupervisorSpec("s", (), intensity=-1), "intensity"),
        (lambda: SupervisorSpec("s", (), period=0), "period"),
        (lambda: Backoff(first=2, longest=1), "longest"),
        (lambda: Backoff(factor=0.5), "factor"),
        (lambda: Backoff(jitter=1.5), "jitter"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(make: object, about: str) -> None:
    """The error names the value that is wrong."""
    with pytest.raises(InvalidSpec, match=about):
        make()  # type: ignore[operator]
