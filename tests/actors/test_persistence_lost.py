"""Stores and what a damage of the journal took: the account stays whole, and nothing waits for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.config import Settings
from actors.stores.base import OutageError
from actors.stores.memory import MemoryStore
from tests.actors.damaged import ACCEPTED, BEFORE, BEHIND, LOST, Damaged, damaged
from tests.actors.picky import Picky
from tests.process.composed import Composed, composed, until
from web.letters import LetterFilter
from web.report import StatusReport

__all__ = ["damaged"]

pytestmark = pytest.mark.slow  # whole systems or programs of their own


async def settled(damaged: Damaged) -> StatusReport:
    """The status once the store is level."""
    store = MemoryStore(tables=damaged.tables)
    async with composed(damaged.home, [store], settings=Settings(data=str(damaged.home))) as running:
        await level(running)
        return running.forebay.status.report()


async def level(running: Composed) -> None:
    def is_level() -> bool:
        report = running.forebay.status.report()
        return report.stores[0].state == "following" and report.stores[0].lag == 0

    await until(is_level, "the store is level")


def account(report: StatusReport) -> tuple[int, int, int]:
    """Persisted, dead-lettered and lost; that nothing else is accepted, and nothing waits, is checked."""
    assert report.pending == 0
    assert report.accepted == report.persisted + report.dead_lettered + report.lost
    assert report.lost == report.stores[0].lost
    return report.persisted, report.dead_lettered, report.lost


async def test_what_a_store_was_not_given_in_time_is_lost_and_nothing_waits(damaged: Damaged) -> None:
    """Everything else reaches it, the account is whole, and a restart tells the same."""
    assert account(await settled(damaged)) == (BEFORE + BEHIND, 0, LOST)
    assert account(await settled(damaged)) == (BEFORE + BEHIND, 0, LOST)


async def test_a_store_that_was_given_them_in_time_has_lost_nothing(damaged: Damaged) -> None:
    """It holds them, whatever became of the journal."""
    damaged.given(damaged.end)
    assert account(await settled(damaged)) == (ACCEPTED, 0, 0)


async def test_a_note_from_before_the_damage_says_that_all_was_given_in_time(damaged: Damaged) -> None:
    """Even where the store has dropped the rows since, for their age: nobody counts them."""
    damaged.given(damaged.end, lost=False)
    await damaged.noted(damaged.end, BEFORE + LOST, 0)
    assert account(await settled(damaged)) == (ACCEPTED, 0, 0)


async def test_a_store_in_the_midst_of_what_is_lost_holds_the_first_part(damaged: Damaged) -> None:
    """Its own rows tell how much that is."""
    damaged.given(damaged.first + 12)
    assert account(await settled(damaged)) == (BEFORE + 12 + BEHIND, 0, LOST - 12)
    assert account(await settled(damaged)) == (BEFORE + 12 + BEHIND, 0, LOST - 12)


async def test_rows_ahead_of_the_cursor_are_not_lost(damaged: Damaged) -> None:
    """A store whose cursor follows its rows, and was killed in between, is asked before they are given up."""
    damaged.given(damaged.end)
    damaged.tables.cursors[damaged.id, "memory"] = damaged.first
    assert account(await settled(damaged)) == (ACCEPTED, 0, 0)


async def test_what_was_passed_over_and_not_noted_is_lost_all_the_same(damaged: Damaged) -> None:
    """A crash came between moving the cursor and noting it: the store is asked what it holds."""
    damaged.given(damaged.end + 5, lost=False)
    assert account(await settled(damaged)) == (BEFORE + BEHIND, 0, LOST)


async def test_a_store_that_was_put_back_loses_what_it_had(damaged: Damaged) -> None:
    """The journal's note says that it was passed; the copy from before holds nothing of it."""
    damaged.given(damaged.first)
    await damaged.noted(damaged.end + BEHIND, ACCEPTED, 0)
    assert account(await settled(damaged)) == (BEFORE + BEHIND, 0, LOST)


async def test_what_was_counted_as_lost_is_not_counted_twice_after_the_store_was_put_back(
    damaged: Damaged,
) -> None:
    """It is passed over once more, and that is no second loss."""
    damaged.given(damaged.first)
    await damaged.noted(damaged.end + BEHIND, BEFORE + BEHIND, LOST)
    assert account(await settled(damaged)) == (BEFORE + BEHIND, 0, LOST)


async def test_a_store_made_anew_loses_them_once(damaged: Damaged) -> None:
    """What the journal knows of the one before says nothing about it."""
    await damaged.noted(damaged.end + BEHIND, BEFORE + BEHIND, LOST)
    assert account(await settled(damaged)) == (BEFORE + BEHIND, 0, LOST)


@pytest.mark.parametrize("truly", [0, 17, LOST])
async def test_a_bound_is_replaced_by_what_a_later_snapshot_knows(tmp_path: Path, truly: int) -> None:
    """How many of the lost offsets were metrics was hidden; the sum is right in the end all the same."""
    damaged = Damaged(tmp_path / "data")
    await damaged.make(exact=False, truly=truly)
    assert account(await settled(damaged)) == (BEFORE + BEHIND, 0, truly)


async def test_a_bound_that_nothing_corrects_stays_the_bound(tmp_path: Path) -> None:
    """At most so many are lost, and accepted counts the same."""
    damaged = Damaged(tmp_path / "data")
    await damaged.make(metrics=LOST - 3, exact=False)
    assert account(await settled(damaged)) == (BEFORE + BEHIND, 0, LOST - 3)


@pytest.mark.parametrize("passed", [0, LOST])
async def test_a_dead_letter_is_not_lost_with_its_metric(damaged: Damaged, passed: int) -> None:
    """The queue has it in a journal of its own: it counts as dead-lettered, can be redriven and discarded."""
    await damaged.buried(damaged.first + 1, damaged.first + 2)
    damaged.given(damaged.first + passed, lost=False)
    store = MemoryStore(tables=damaged.tables)
    async with composed(damaged.home, [store], settings=Settings(data=str(damaged.home))) as running:
        await level(running)
        assert account(running.forebay.status.report()) == (BEFORE + BEHIND, 2, LOST - 2)
        queue = running.forebay.dead_letters_port()
        first, second = queue.page(LetterFilter(), 10, None).letters
        assert (await queue.redrive(first.id, None)).outcome == "redriven"
        await queue.discard(second.id)
        assert account(running.forebay.status.report()) == (BEFORE + BEHIND + 1, 1, LOST - 2)
    assert damaged.first + 1 in damaged.tables.metrics[damaged.id]
    assert account(await settled(damaged)) == (BEFORE + BEHIND + 1, 1, LOST - 2)


async def test_an_outage_at_the_lost_range_skips_nothing(damaged: Damaged) -> None:
    """The store goes away before it can be asked, and comes back: every other metric is in it."""
    store = Picky(MemoryStore(tables=damaged.tables))
    store.before = OutageError("memory", "gone")
    async with composed(damaged.home, [store], settings=Settings(data=str(damaged.home))) as running:
        await until(lambda: store.opens > 0, "it is tried")
        store.before = None
        await level(running)
        assert account(running.forebay.status.report()) == (BEFORE + BEHIND, 0, LOST)
    assert len(damaged.tables.metrics[damaged.id]) == BEFORE + BEHIND
