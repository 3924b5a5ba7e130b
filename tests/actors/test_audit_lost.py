"""The account of a journal that was damaged and repaired."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.audit import Audit, audit
from actors.cli.audit_report import describe
from actors.core.audit import LostPart
from actors.stores.memory import MemoryStore
from journal.metric import Offset
from tests.actors.damaged import ACCEPTED, BEFORE, BEHIND, LOST, Damaged, damaged

__all__ = ["damaged"]

pytestmark = pytest.mark.slow  # whole systems or programs of their own


async def audited(damaged: Damaged, *, quick: bool = False) -> Audit:
    home, store = damaged.home, MemoryStore(tables=damaged.tables)
    result = await audit(str(home / "journal"), str(home / "dead-letters"), [store], quick=quick)
    [account] = result.stores
    whole = account.persisted + account.dead_lettered + account.pending + account.lost + account.missing.count
    assert result.accepted == whole
    assert max(map(len, describe(result).splitlines())) <= 80
    return result


@pytest.mark.parametrize("quick", [True, False])
async def test_what_the_store_was_given_in_time_is_persisted(damaged: Damaged, quick: bool) -> None:
    """It is the journal that has lost it: nothing is extra, and nothing lost."""
    damaged.given(damaged.end + BEHIND)
    result = await audited(damaged, quick=quick)
    assert (result.balances, result.lost) == (True, 0)
    assert (result.accepted, result.stores[0].persisted) == (ACCEPTED, ACCEPTED)
    assert "lost" not in describe(result)


@pytest.mark.parametrize("quick", [True, False])
async def test_what_the_store_was_not_given_in_time_is_lost_and_not_missing(
    damaged: Damaged, quick: bool
) -> None:
    """With its offsets, and that a repair gave it up; the account balances with it."""
    damaged.given(damaged.end + BEHIND, lost=False)
    result = await audited(damaged, quick=quick)
    [account] = result.stores
    assert (result.balances, result.lost, account.persisted) == (True, LOST, BEFORE + BEHIND)
    assert account.lost_parts == (LostPart(damaged.first, Offset(damaged.end - 1), LOST, True),)
    told = describe(result)
    assert f"{LOST} in {damaged.first}-{damaged.end - 1}" in told
    assert "`journal repair`" in told
    assert "+ lost" in told
    assert "at most" not in told


async def test_what_a_store_has_yet_to_pass_is_lost_to_it_already(damaged: Damaged) -> None:
    """It will never be brought: only what is behind it is pending."""
    damaged.given(damaged.first + 12)
    [account] = (await audited(damaged)).stores
    assert (account.persisted, account.lost, account.pending) == (BEFORE + 12, LOST - 12, BEHIND)


async def test_a_bound_is_told_as_such(tmp_path: Path) -> None:
    """Nobody knows how many of the offsets were metrics."""
    damaged = Damaged(tmp_path / "data")
    await damaged.make(exact=False)
    damaged.given(damaged.end + BEHIND, lost=False)
    assert f"{LOST} at most in" in describe(await audited(damaged))


@pytest.mark.parametrize("truly", [7, 17, LOST])
async def test_a_bound_is_replaced_by_what_a_later_snapshot_knows(tmp_path: Path, truly: int) -> None:
    """The account is whole with what was really lost, seven of which the store was given in time."""
    damaged = Damaged(tmp_path / "data")
    await damaged.make(exact=False, truly=truly)
    damaged.given(damaged.first + 7)
    damaged.given(damaged.end + BEHIND, lost=False)
    result = await audited(damaged)
    assert (result.accepted, result.lost) == (BEFORE + truly + BEHIND, truly - 7)


async def test_dead_letters_among_the_lost_are_dead_letters(damaged: Damaged) -> None:
    """Their metrics are in the queue."""
    await damaged.buried(damaged.first, damaged.first + 5)
    damaged.given(damaged.end + BEHIND, lost=False)
    [account] = (await audited(damaged)).stores
    assert (account.dead_lettered, account.lost) == (2, LOST - 2)


async def test_a_missing_row_is_told_apart_from_the_lost(damaged: Damaged) -> None:
    """What the journal could still bring and the store lacks is an error; it does not balance."""
    damaged.given(damaged.end + BEHIND, lost=False)
    del damaged.tables.metrics[damaged.id][damaged.first - 1]
    result = await audited(damaged)
    assert (result.balances, result.stores[0].missing.count, result.lost) == (False, 1, LOST)
    assert "DOES NOT BALANCE" in describe(result)
