"""A store as the edge asks it."""

from __future__ import annotations

from actors.stores.base import HistoryStore, StoreError
from journal.metric import Nanoseconds
from web.ports import HistoryUnavailableError, NameSeen, Series, SessionSeen


class StoreHistory:
    """The History port on `store`: its errors become HistoryUnavailableError."""

    def __init__(self, store: HistoryStore) -> None:
        self._store = store

    async def series(
        self, name: str, start: Nanoseconds, until: Nanoseconds, step: Nanoseconds, source: str | None
    ) -> list[Series]:
        """See History."""
        try:
            return await self._store.series(name, start, until, step, source)
        except StoreError as error:
            raise HistoryUnavailableError(str(error)) from error

    async def names(self) -> list[NameSeen]:
        """See History."""
        try:
            return await self._store.names()
        except StoreError as error:
            raise HistoryUnavailableError(str(error)) from error

    async def sessions(self) -> list[SessionSeen]:
        """See History."""
        try:
            return await self._store.sessions()
        except StoreError as error:
            raise HistoryUnavailableError(str(error)) from error
