from __future__ import annotations

from actors.core.audit import Account, Differing, Range, compare
from journal.metric import Offset


def test_a_window_is_parted_into_found_dead_pending_missing_and_extra() -> None:
    """What the store lacks is a dead letter, or before its cursor lost, or behind it pending."""
    account = compare(Account(), [range(1, 7)], [1, 2, 9], {3}, Offset(5))
    assert (account.found, account.dead_lettered, account.pending) == (2, 1, 2)
    assert account.missing == Differing(1, (Range(Offset(4), Offset(4)),))
    assert account.extra == Differing(1, (Range(Offset(9), Offset(9)),))
    assert not account.balances


def test_an_offset_stored_twice_is_extra() -> None:
    """Once for each time too many, whether the journal knows it or not; and then nothing balances."""
    account = compare(Account(), [range(1, 4)], [1, 2, 2, 2, 3], (), Offset(4))
    assert account.found == 3
    assert account.extra == Differing(2, (Range(Offset(2), Offset(2)),))
    assert not account.balances
    assert compare(Account(), [range(1, 4)], [1, 2, 3], (), Offset(4)).balances
    assert compare(Account(), [], [7, 7], (), Offset(4)).extra == Differing(2, (Range(Offset(7), Offset(7)),))
