"""Before anything is accepted: does the journal end no earlier than a store knows it to?

Where the newest part of a journal is gone without a trace (its last segment, zeroes to the end, an older
copy put back), nothing in its files tells. A store does: it holds everything before its cursor. Going on
would give its offsets to other metrics, and the store, which has those offsets already, would take none.
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Sequence

import anyio

from actors.stores.base import DeniedError, Store, StoreError
from journal.metric import Offset
from journal.recovery import Recovered
from journal.state import BreakerState

ASK_WITHIN = 2.0
"""Seconds that a store has to answer; one that is away keeps no process from starting."""


class JournalCutShortError(Exception):
    """The newest part of the journal is missing: a store holds what it has never given."""

    def __init__(self, data: str, end: Offset, store: str, cursor: Offset) -> None:
        super().__init__(
            f"{data}: the journal ends at offset {end}, but store {store} holds everything before {cursor}: "
            "its newest part is missing, or an older copy was put back; put the newer one back, or give up "
            f"what is missing: `forebay journal repair {shlex.quote(data)} --next-offset {cursor} --apply`"
        )


class StoreAheadError(DeniedError):
    """The store holds what the journal has never given it: new metrics would be taken for those."""

    def __init__(self, store: str, cursor: Offset, next_offset: Offset) -> None:
        super().__init__(
            store,
            f"holds everything before offset {cursor}, but the journal ends at {next_offset}: an older copy "
            "of it was put back; put the newer one back, or begin a new one in an empty directory",
        )


def not_behind(stores: Sequence[Store], data: str) -> Callable[[Recovered], Awaitable[None]]:
    """What Journal.open is to ask before it goes on. Raises JournalCutShortError."""

    async def check(recovered: Recovered) -> None:
        breakers, end = recovered.state.breakers, Offset(recovered.place.next_offset)
        # A restart during an outage must not hammer the store: what its breaker holds back is not asked.
        asked = [each for each in stores if breakers.get(each.name, BreakerState()).position == "closed"]
        ahead = [each for each in await _cursors(asked, str(recovered.header.journal_id)) if each[0] > end]
        if ahead:
            cursor, name = max(ahead)
            raise JournalCutShortError(data, end, name, cursor)

    return check


async def _cursors(stores: Sequence[Store], journal_id: str) -> list[tuple[Offset, str]]:
    """The cursors of those stores that answer."""
    found: list[tuple[Offset, str]] = []

    async def ask(store: Store) -> None:
        with anyio.move_on_after(ASK_WITHIN):
            try:
                if (cursor := await store.look(journal_id)) is not None:
                    found.append((cursor, store.name))
            except StoreError:
                # Who feeds it will say so, again and again.
                pass
            finally:
                with anyio.move_on_after(ASK_WITHIN, shield=True):
                    await store.close()

    async with anyio.create_task_group() as tasks:
        for store in stores:
            tasks.start_soon(ask, store)
    return found
