"""A store around a store: what a test changes of one, it overrides."""

from __future__ import annotations

from collections.abc import Sequence

from actors.stores.base import HistoryStore, LetterRow, Row
from journal.metric import Offset


class Wrapped:
    """Hands everything on to `store`."""

    def __init__(self, store: HistoryStore) -> None:
        self.name = store.name
        self.batch = store.batch
        self._store = store
        self.look = store.look
        self.advance = store.advance
        self.close = store.close
        self.maintain = store.maintain
        self.mirror_flags = store.mirror_flags
        self.offsets = store.offsets
        self.rows = store.rows
        self.series = store.series
        self.names = store.names
        self.sessions = store.sessions

    async def open(self, journal_id: str) -> Offset | None:
        return await self._store.open(journal_id)

    async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
        await self._store.write(rows, cursor)

    async def mirror(self, letters: Sequence[LetterRow]) -> None:
        await self._store.mirror(letters)
