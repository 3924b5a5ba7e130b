"""A store as the edge asks it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from actors.stores.base import HistoryStore, StoreError
from web.ports import (
    AttributeSeen,
    HistoryUnavailableError,
    NameSeen,
    Series,
    SeriesQuery,
    SessionSeen,
)

T = TypeVar("T")


class StoreHistory:
    """The History port on `store`: its errors become HistoryUnavailableError, and so does an answer that
    takes longer than `timeout` seconds. While `away` says why, the store is not asked: pages that ask once a
    second must not do to a database in trouble what the circuit breaker keeps the metrics from doing."""

    def __init__(self, store: HistoryStore, *, timeout: float, away: Callable[[], str | None]) -> None:
        self._store = store
        self._timeout = timeout
        self._away = away

    async def series(self, query: SeriesQuery) -> list[Series]:
        """See History."""
        return await self._ask(lambda: self._store.series(query))

    async def names(self) -> list[NameSeen]:
        """See History."""
        return await self._ask(self._store.names)

    async def sessions(self) -> list[SessionSeen]:
        """See History."""
        return await self._ask(self._store.sessions)

    async def attributes(self, name: str) -> list[AttributeSeen]:
        """See History."""
        return await self._ask(lambda: self._store.attributes(name))

    async def _ask(self, question: Callable[[], Awaitable[T]]) -> T:
        if (reason := self._away()) is not None:
            raise HistoryUnavailableError(reason)
        try:
            with anyio.fail_after(self._timeout):
                return await question()
        except StoreError as error:
            raise HistoryUnavailableError(str(error)) from error
        except TimeoutError as error:
            detail = f"store {self._store.name}: no answer within {self._timeout:g} s"
            raise HistoryUnavailableError(detail) from error
