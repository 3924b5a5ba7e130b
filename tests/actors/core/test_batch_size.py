"""How large a write may be, found by trying."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.core.batch_size import PROBE_ROWS, BatchSize, batch_size


def settled(takes: int, most: int, writes: int = 400) -> list[int]:
    """The sizes of full writes to a store that takes `takes` rows at a time."""
    size, sizes = batch_size(1_000, most), list[int]()
    for _ in range(writes):
        sizes.append(size.rows)
        size = size.passed(size.rows) if size.rows <= takes else size.too_large(size.rows)
    return sizes


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_it_stays_near_what_the_store_takes(takes: int, most: int) -> None:
    """After a while no write is below a third of what could pass, and few are too large."""
    sizes = settled(takes, most)[100:]
    best = min(takes, most)
    assert max(sizes) <= most
    assert min(sizes) >= best / 3 - 1
    assert sum(size > takes for size in sizes) <= len(sizes) / 4 or best < 8


def test_it_grows_to_the_most() -> None:
    """Where everything passes: 1,000, 2,000, 4,000, …"""
    assert settled(10**6, 16_384, 8) == [1_000, 2_000, 4_000, 8_000, 16_000, 16_384, 16_384, 16_384]


def test_a_write_that_was_not_full_says_nothing() -> None:
    """A store that is level is sent few rows at a time: no reason to send it thousands next."""
    size = batch_size(1_000, 16_384)
    assert size.passed(10) == size


def test_a_probe_is_small_and_what_follows_soon_is_not() -> None:
    """After an outage: 16 rows, 32, 64, … up to where it was."""
    size = BatchSize(5_000, 16_384, 16_384).probing()
    sizes = []
    while size.rows < 5_000:
        sizes.append(size.rows)
        size = size.passed(size.rows)
    assert sizes[:3] == [PROBE_ROWS, 32, 64]
    assert len(sizes) < 10


def test_one_row_is_the_least() -> None:
    """Even a store that takes too long for a single row is sent one."""
    size = batch_size(3, 10)
    for _ in range(5):
        size = size.too_large(size.rows)
    assert size.rows == 1
