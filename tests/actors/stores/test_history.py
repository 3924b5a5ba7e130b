from __future__ import annotations

import pytest

from actors.stores.history import StoreHistory
from actors.stores.memory import MemoryStore
from journal.metric import Offset
from tests.contracts.store_rows import plain
from web.ports import HistoryUnavailableError


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_store_answers_through_the_port() -> None:
    """Series, names and sessions are the store's."""
    store = MemoryStore()
    await store.open("journal")
    await store.write(plain(0, 10, time=5, session="s"), Offset(10))
    history = StoreHistory(store)
    assert await history.series("load", 0, 10, 10, None) == await store.series("load", 0, 10, 10, None) != []
    assert await history.names() == await store.names() != []
    assert await history.sessions() == await store.sessions() != []


async def test_a_store_that_fails_is_history_unavailable() -> None:
    """The edge sees one error, with the store's reason."""
    history = StoreHistory(MemoryStore())
    for asked in (history.names(), history.sessions(), history.series("load", 0, 1, 1, None)):
        with pytest.raises(HistoryUnavailableError, match="not open"):
            await asked
