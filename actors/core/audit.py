"""Does the account balance? Offsets that the journal holds against offsets that a store holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

import msgspec

from journal.metric import Offset

MAX_RANGES = 100
"""Differing ranges that are told one by one; the rest is counted."""


class Range(msgspec.Struct, frozen=True):
    """The offsets from `first` to `last`, both included."""

    first: Offset
    last: Offset


class Differing(msgspec.Struct, frozen=True):
    """Offsets that differ: how many, and the first MAX_RANGES runs of them."""

    count: int = 0
    ranges: tuple[Range, ...] = ()

    def plus(self, offsets: Sequence[int]) -> Differing:
        """These, and `offsets`, which are ascending and behind them."""
        if not offsets:
            return self
        ranges = list(self.ranges)
        for offset in offsets:
            if ranges and offset <= ranges[-1].last:
                continue
            if ranges and ranges[-1].last + 1 == offset:
                ranges[-1] = Range(ranges[-1].first, Offset(offset))
            elif len(ranges) < MAX_RANGES:
                ranges.append(Range(Offset(offset), Offset(offset)))
            else:
                break
        return Differing(self.count + len(offsets), tuple(ranges))


class Account(msgspec.Struct, frozen=True):
    """What one store owes the journal, over the offsets that were compared."""

    found: int = 0
    """Metrics of the journal that the store holds."""
    dead_lettered: int = 0
    """Metrics that it does not hold because they are, or were, dead letters."""
    pending: int = 0
    """Metrics behind the store's cursor that it does not hold yet."""
    missing: Differing = Differing()
    """Metrics before the store's cursor that it does not hold: lost."""
    extra: Differing = Differing()
    """Offsets that the store holds and the journal does not, and those of metrics stored twice, once for each
    time too many."""

    @property
    def balances(self) -> bool:
        """Whether everything is accounted for."""
        return not self.missing.count and not self.extra.count


def compare(
    account: Account,
    journal: Iterable[range],
    store: Sequence[int],
    dead: Collection[int],
    cursor: Offset,
) -> Account:
    """`account` with one more window compared: the metrics' offsets in the journal, those that the store
    holds, ascending, and those that are dead letters.

    Windows are given in ascending order; each fits into memory.
    """
    held = set(store)
    expected = {offset for run in journal for offset in run}
    lacking = expected - held
    absent = sorted(lacking.difference(dead))
    return Account(
        account.found + len(expected) - len(lacking),
        account.dead_lettered + len(lacking) - len(absent),
        account.pending + sum(offset >= cursor for offset in absent),
        account.missing.plus([offset for offset in absent if offset < cursor]),
        account.extra.plus(sorted([*(held - expected), *repeats(store)])),
    )


def repeats(offsets: Iterable[int]) -> list[int]:
    """Those of `offsets`, which are ascending, that have been before."""
    return [offset for before, offset in pairwise(offsets) if offset == before]
