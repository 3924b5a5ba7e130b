"""What becomes of a store's cursor: a part of what every store must do, see store_suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest

from actors.stores.base import HistoryStore, as_stored
from journal.metric import Offset
from tests.contracts.store_rows import new_journal, plain, stored

Connect: TypeAlias = Callable[[], HistoryStore]
"""Gives a new store, not open, each time on the same database."""


@asynccontextmanager
async def opened(store: HistoryStore, journal_id: str) -> AsyncIterator[HistoryStore]:
    """`store`, open for `journal_id` within the block."""
    await store.open(journal_id)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def looking(store: HistoryStore, journal_id: str) -> AsyncIterator[Offset | None]:
    """The cursor that a look at `store` tells."""
    try:
        yield await store.look(journal_id)
    finally:
        await store.close()


class CursorContract:
    @pytest.fixture
    def connect(self) -> Connect:
        raise NotImplementedError("a store's tests say how it is reached")

    async def test_a_journal_that_was_never_written_has_no_cursor(self, connect: Connect) -> None:
        """None tells a new store from one whose cursor is 0."""
        store, journal_id = connect(), new_journal()
        assert await store.open(journal_id) is None
        await store.write([], Offset(0))
        await store.close()
        assert await store.open(journal_id) == 0
        await store.close()

    async def test_the_cursor_survives_with_the_rows(self, connect: Connect) -> None:
        """A store that is opened again has the cursor and the rows of the last write."""
        journal_id = new_journal()
        async with opened(connect(), journal_id) as store:
            await store.write(plain(0, 5), Offset(5))
            await store.write(plain(5, 9), Offset(12))
        again = connect()
        assert await again.open(journal_id) == 12
        assert await stored(again) == [as_stored(row) for row in plain(0, 9)]
        await again.close()

    async def test_rows_without_a_cursor_leave_it_where_it_is(self, connect: Connect) -> None:
        """Metrics that are sent again, from anywhere, say nothing of how far the store is."""
        store, journal_id = connect(), new_journal()
        await store.open(journal_id)
        await store.write(plain(20, 30), None)
        await store.write(plain(20, 40), None)
        await store.write([], None)
        await store.close()
        assert await store.open(journal_id) is None
        await store.write(plain(0, 10), Offset(10))
        await store.write(plain(10, 15), None)
        assert await stored(store) == [as_stored(row) for row in [*plain(0, 15), *plain(20, 40)]]
        assert [name.count for name in await store.names()] == [35]
        await store.write(plain(10, 12), Offset(12))
        await store.close()
        assert await store.open(journal_id) == 12
        await store.close()

    async def test_a_cursor_advances_and_never_goes_back(self, connect: Connect) -> None:
        """Of two that move it the one that is further wins, whoever comes last."""
        one, other, journal_id = connect(), connect(), new_journal()
        for store in (one, other):
            assert await store.open(journal_id) is None
        for store, cursor, kept in ((one, 5, 5), (other, 3, 5), (other, 9, 9), (one, 7, 9), (one, 9, 9)):
            await store.advance(Offset(cursor))
            async with looking(connect(), journal_id) as found:
                assert found == kept
        await other.write([], Offset(10))
        await one.write(plain(0, 2), None)
        await one.advance(Offset(8))
        for store in (one, other):
            await store.close()
        assert await one.open(journal_id) == 10
        await one.close()

    async def test_an_empty_batch_moves_only_the_cursor(self, connect: Connect) -> None:
        """Control events take offsets too: the cursor passes them without a row."""
        store, journal_id = connect(), new_journal()
        await store.open(journal_id)
        await store.write(plain(0, 2), Offset(2))
        await store.write([], Offset(9))
        assert len(await stored(store)) == 2
        assert await store.open(journal_id) == 9
        await store.close()

    async def test_stores_of_one_journal_keep_their_own_cursors(self, connect: Connect) -> None:
        """The cursor is kept under the store's name."""
        journal_id, other = new_journal(), connect()
        async with opened(connect(), journal_id) as store:
            await store.write(plain(0, 5), Offset(5))
        other.name = "another"
        assert await other.open(journal_id) is None
        await other.close()
