"""How long the disk lasts."""

from __future__ import annotations

from actors.core.growth import SAMPLES, SECOND, WINDOW, Growth


def watched(rate: int, seconds: int, start: int = 0) -> Growth:
    growth = Growth()
    for at in range(0, seconds + 1, 2):
        growth = growth.seen(at * SECOND, start + at * rate)
    return growth


def test_steady_growth_is_extrapolated() -> None:
    """1 MB a second into 600 MB: ten minutes."""
    full_in = watched(1_000_000, 120).full_in(600_000_000)
    assert full_in is not None
    assert abs(full_in - 600) < 1


def test_nothing_is_said_too_early_or_without_growth() -> None:
    """Neither after a moment, nor where retention takes what comes."""
    assert Growth().full_in(1) is None
    assert watched(1_000_000, 4).full_in(1) is None
    assert watched(0, 300).full_in(1) is None
    assert watched(-1_000, 300, 10**9).full_in(1) is None


def test_it_looks_at_the_last_minutes_only() -> None:
    """A burst an hour ago does not count, and memory stays flat."""
    growth = watched(1_000_000, 60)
    for at in range(60, 3_600):
        growth = growth.seen(at * SECOND, 60_000_000)
    assert growth.full_in(1) is None
    assert len(growth.samples) <= SAMPLES + 2
    assert growth.samples[0][0] >= 3_599 * SECOND - WINDOW - WINDOW // SAMPLES
