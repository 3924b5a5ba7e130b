"""Taking stock: what became of the metrics before a store's cursor, when the store is opened.

A store's own cursor says what it has passed, not whether that was still there to be given: a store that
had passed lost offsets before the damage holds them. The journal's last note of the cursor tells the two
apart, and beyond that note the store is asked how many of the lost offsets it holds.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import structlog

from actors.core.rows import holes_of
from actors.persistence.burial import Burial
from actors.persistence.guard import GuardedStore
from actors.persistence.progress import Stock
from journal.inspect import accepted_before
from journal.log import Journal
from journal.metric import Offset
from journal.reader import reading_own
from journal.state import CursorState, LostRange

log = structlog.get_logger("persistence")


class _Losses(NamedTuple):
    passed: int = 0
    inside: int = 0


async def take_stock(held: Offset | None, journal: Journal, store: GuardedStore, burial: Burial) -> Stock:
    """How `store` stands to `journal`, when its own cursor is `held`; None: it was never written to.

    Raises StoreError, JournalCorruptError.
    """
    cursor = Offset(max(held or 0, journal.first_offset))
    given = await asyncio.to_thread(accepted_before, journal.directory, cursor, end=journal.next_offset)
    known = journal.state.cursors.get(store.name) if held is not None else None
    missing = _missing(held, known, given, journal, store.name)
    dead_lettered = await burial.look(cursor)
    # A store that begins anew was given nothing yet: what is lost of the rest, it has yet to pass.
    losses = _Losses() if held is None else await _losses(cursor, known, journal, store, burial)
    settled = given + losses.inside - dead_lettered - missing
    lost = min(losses.passed, max(0, settled))
    return Stock(cursor, settled - lost, dead_lettered, missing, lost, losses.inside)


def _missing(held: Offset | None, known: CursorState | None, given: int, journal: Journal, store: str) -> int:
    """How many of the `given` metrics before the journal's beginning are lacking in a store that holds
    everything before `held`, as far as the journal knows: they cannot be brought any more."""
    if (held or 0) >= journal.first_offset:
        return 0
    told = {"store": store, "cursor": held, "first_offset": journal.first_offset}
    if known is not None and known.offset >= journal.first_offset:
        log.warning("the store went back behind what is retired: `forebay audit` tells what it has", **told)
        return 0
    has = 0 if known is None else known.persisted + known.dead_lettered + known.lost
    missing = max(0, given - has)
    if missing:
        log.error("the store lacks metrics that are retired: they came before it", missing=missing, **told)
    return missing


async def _losses(
    cursor: Offset, known: CursorState | None, journal: Journal, store: GuardedStore, burial: Burial
) -> _Losses:
    """What `store` has passed of what was lost, `known` being the journal's last note of it."""
    known = known or CursorState(Offset(0), 0)
    low, high = sorted((max(known.offset, journal.first_offset), cursor))
    passed, inside = known.lost, 0
    for hole in await _holes_between(journal, low, high):
        if hole.first < cursor < hole.end:
            inside = await burial.settled(hole, cursor, store.count)
        if cursor < hole.end <= known.offset:
            # It was passed, but the store was put back to before it: it will be passed once more.
            passed -= hole.metrics - inside
        elif known.offset < hole.end <= cursor:
            passed += hole.metrics - await burial.settled(hole, hole.end, store.count)
    return _Losses(max(0, passed), inside)


async def _holes_between(journal: Journal, first: Offset, last: Offset) -> list[LostRange]:
    """The lost ranges that `[first, last]` touches. Raises JournalCorruptError."""
    found: list[LostRange] = []
    async with reading_own(journal, first) as reader:
        while records := await reader.read():
            for record in records:
                if record.base > last:
                    return found
                found += holes_of(record)
    return found
