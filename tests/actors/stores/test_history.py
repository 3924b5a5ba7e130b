from __future__ import annotations

import asyncio

import pytest

from actors.stores.history import StoreHistory
from actors.stores.memory import MemoryStore
from journal.metric import Offset
from tests.contracts.store_rows import plain
from web.ports import HistoryUnavailableError, NameSeen, SeriesQuery


async def test_the_store_answers_through_the_port() -> None:
    """Series, names and sessions are the store's."""
    store = MemoryStore()
    await store.open("journal")
    await store.write(plain(0, 10, time=5, session="s"), Offset(10))
    history = StoreHistory(store, timeout=5.0, away=lambda: None)
    query = SeriesQuery("load", 0, 10, 10)
    assert await history.series(query) == await store.series(query) != []
    assert await history.names() == await store.names() != []
    assert await history.sessions() == await store.sessions() != []


async def test_a_store_that_fails_is_history_unavailable() -> None:
    """The edge sees one error, with the store's reason."""
    history = StoreHistory(MemoryStore(), timeout=5.0, away=lambda: None)
    for asked in (history.names(), history.sessions(), history.series(SeriesQuery("load", 0, 1, 1))):
        with pytest.raises(HistoryUnavailableError, match="not open"):
            await asked


async def test_a_store_behind_an_open_breaker_is_not_asked() -> None:
    """A page that asks once a second does not hammer a database in trouble, and is told why."""
    store = MemoryStore()
    await store.open("journal")
    history = StoreHistory(store, timeout=5.0, away=lambda: "the circuit breaker is open")
    with pytest.raises(HistoryUnavailableError, match="breaker is open"):
        await history.names()


async def test_an_answer_that_does_not_come_is_given_up() -> None:
    """The edge does not wait for ever."""

    class Silent(MemoryStore):
        async def names(self) -> list[NameSeen]:
            await asyncio.Event().wait()
            raise AssertionError

    history = StoreHistory(Silent(), timeout=0.05, away=lambda: None)
    with pytest.raises(HistoryUnavailableError, match=r"within 0\.05 s"):
        await history.names()
