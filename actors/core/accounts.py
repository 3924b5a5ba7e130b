"""What an audit comes to."""

from __future__ import annotations

import msgspec

from actors.core.audit import Account, LostPart
from actors.core.differing import MAX_RANGES, Difference, Differing
from journal.metric import Offset


class StoreAccount(msgspec.Struct, frozen=True):
    """The account of one store: `accepted = persisted + dead_lettered + pending + lost + missing`, where
    `missing` and `lost` are 0 if all is well."""

    store: str
    cursor: Offset = Offset(0)
    persisted: int = 0
    dead_lettered: int = 0
    pending: int = 0
    lost: int = 0
    """Metrics that the journal lost, to a damage, before the store was given them: `journal repair` gave them
    up. At most so many unless `lost_exact`."""
    lost_exact: bool = True
    lost_parts: tuple[LostPart, ...] = ()
    missing: Differing = Differing()
    differing: Differing = Differing()
    """Among the persisted: rows that are not field by field what the journal has."""
    differences: tuple[Difference, ...] = ()
    """The first of these."""
    edited: int = 0
    """Among the persisted: rows that differ because a person edited them while they were dead letters."""
    extra: Differing = Differing()
    dropped: int = 0
    """Among the persisted: rows that are not in the store any more, being older than it keeps them."""
    unseen: int = 0
    """Retired metrics that the store does not hold and no dead letter explains. Nobody knows their offsets
    any more. Counted as missing, or as persisted where the store drops what is old."""
    ahead: int = 0
    """Offsets that the store's cursor is beyond the journal's end: it would pass over as many."""
    balances: bool = False
    """Nothing is missing, nothing differs, nothing is extra, and the cursor is not ahead."""


class Audit(msgspec.Struct, frozen=True):
    """The whole account. Metrics before `first_offset`, and between the offsets of `skipped`, have been
    retired, some of them perhaps while the audit ran: every store of that time had passed them. What a store
    should hold of them is counted, not named. `quick`: offsets were compared, rows were not."""

    journal_id: str
    first_offset: Offset
    next_offset: Offset
    accepted: int
    retired: int
    stores: list[StoreAccount]
    quick: bool = False
    skipped: tuple[tuple[Offset, Offset], ...] = ()

    @property
    def balances(self) -> bool:
        """Whether every store's account does."""
        return all(each.balances for each in self.stores)

    @property
    def lost(self) -> int:
        """Metrics that the store which lacks most lacks for a damage of the journal."""
        return max((each.lost for each in self.stores), default=0)


class Retired(msgspec.Struct, frozen=True):
    """What the journal does not hold any more: `metrics`, of which a store holds `held`, each once, and which
    it holds `twice`; `dead` of them are or were dead letters, and `lost` were lost before that."""

    metrics: int = 0
    held: int = 0
    twice: Differing = Differing()
    dead: int = 0
    lost: int = 0


def closed(
    name: str, cursor: Offset, end: Offset, account: Account, retired: Retired, *, keeps_all: bool
) -> StoreAccount:
    """The account of a store that drops nothing by itself if `keeps_all`: `account` of what the journal has,
    which ends at `end`, and of the `retired`."""
    held = min(retired.metrics, retired.held)
    surplus = retired.twice.count + retired.held - held
    dead = min(retired.metrics - held, retired.dead)
    lost = min(retired.metrics - held - dead, retired.lost)
    unseen = retired.metrics - held - dead - lost
    missing, extra = account.missing, account.extra
    if keeps_all:
        missing = msgspec.structs.replace(missing, count=missing.count + unseen)
    else:
        held += unseen
    ahead = max(0, cursor - end)
    extra = Differing(extra.count + surplus, (*retired.twice.ranges, *extra.ranges)[:MAX_RANGES])
    return StoreAccount(
        name,
        cursor,
        persisted=held + account.found + account.dropped,
        dead_lettered=dead + account.dead_lettered,
        pending=account.pending,
        lost=lost + account.lost,
        lost_exact=account.lost_exact,
        lost_parts=tuple(account.lost_parts),
        missing=missing,
        differing=account.differing,
        differences=tuple(account.shown),
        edited=account.edited,
        extra=extra,
        dropped=account.dropped,
        unseen=unseen,
        ahead=ahead,
        balances=not (missing.count or extra.count or account.differing.count or ahead),
    )
