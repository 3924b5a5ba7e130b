"""The dead-letter queue in the composed tree: poison goes in, and leaves by an event only."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from actors.config import Settings
from actors.config.settings import ResilienceSettings
from actors.core import dead_letters, persistence
from actors.stores.base import OutageError, Row, TransientError
from actors.stores.memory import MemoryStore, MemoryTables
from journal.events import pack_metrics
from journal.metric import Metric, Offset
from tests.actors.picky import Picky
from tests.actors.queueing import metrics, queue
from tests.process.composed import SEGMENT, Composed, composed, until
from web.letters import DeadLettersUnavailableError, LetterFilter, LetterUnderWayError, NoSuchLetterError

pytestmark = pytest.mark.slow  # whole systems or programs of their own

BAD = {3, 500, 501, 777, 999}


@pytest.mark.parametrize("names", [False, True], ids=["searched", "named"])
async def test_exactly_the_bad_ones_become_dead_letters(tmp_path: Path, names: bool) -> None:
    """All good ones are stored, each bad one waits with its own cause and error; few calls; it balances."""
    store = Picky(MemoryStore(), names=names)
    async with queue(tmp_path / "data", store) as it:
        await it.take(metrics(1_000, BAD))
        await it.settled()
        assert it.waiting == [f"bad.{at}" for at in sorted(BAD)]
        letters = it.port.page(LetterFilter(), 10, None).letters
        assert {letter.cause for letter in letters} == {"check"}
        assert all(letter.error.endswith(f": {letter.name}") for letter in letters) or names
        assert (it.status.persisted, it.status.dead_lettered) == (995, 5)
        k, most = len(BAD), 2 * len(BAD) * (math.log2(1_000 / len(BAD)) + 2) + 3
        assert len(store.writes) <= (3 * k if names else most)
        await it.balances()
        shown = await it.port.show(letters[0].id)
        assert shown.metric is not None
        assert shown.metric.name == "bad.3"


async def test_they_outlive_a_restart_and_are_not_buried_twice(tmp_path: Path) -> None:
    """Killed between burying and moving the cursor, the next process knows them."""
    tables = MemoryTables()
    async with queue(tmp_path / "data", Picky(MemoryStore(tables=tables))) as it:
        await it.take(metrics(100, {10, 90}))
        await it.settled()
        journal_id = str(it.running.journal.id)
    # The store forgets where it was, as if its last write had not happened.
    tables.cursors[journal_id, "memory"] = type(next(iter(tables.metrics[journal_id])))(50)
    store = Picky(MemoryStore(tables=tables))
    async with queue(tmp_path / "data", store) as it:
        await until(lambda: it.status.state == "following", "the store is open")
        await it.settled()
        assert it.waiting == ["bad.10", "bad.90"]
        assert (it.status.persisted, it.status.dead_lettered) == (98, 2)
        assert len(store.writes) == 1, "what is known to be bad is not sent again"
        await it.balances()


async def test_redriven_by_hand_once_the_reason_is_gone(tmp_path: Path) -> None:
    """One is redriven and stored; while it is still refused it stays, with one attempt more."""
    store = Picky(MemoryStore())
    async with queue(tmp_path / "data", store) as it:
        await it.take(metrics(10, {4, 5}))
        await it.settled()
        first, second = it.port.page(LetterFilter(), 10, None).letters
        refused = await it.port.redrive(first.id, None)
        assert refused.outcome == "refused"
        assert refused.letter is not None
        assert refused.letter.attempts == 2
        store.refuses = False
        assert (await it.port.redrive(first.id, None)).outcome == "redriven"
        assert it.waiting == [second.name]
        assert (it.status.persisted, it.status.dead_lettered, it.status.lag) == (9, 1, 0)
        with pytest.raises(NoSuchLetterError):
            await it.port.redrive(first.id, None)
        await it.balances()


async def test_an_edited_payload_takes_the_metrics_place(tmp_path: Path) -> None:
    """What is stored has the identity of the letter, and the new content."""
    async with queue(tmp_path / "data", Picky(MemoryStore())) as it:
        await it.take(metrics(3, {1}))
        await it.settled()
        [letter] = it.port.page(LetterFilter(), 10, None).letters
        outcome = await it.port.redrive(letter.id, Metric("mended", 42.0))
        assert outcome.outcome == "redriven"
        rows = [row async for run in it.store.rows(letter.offset, letter.offset + 1) for row in run]  # type: ignore[arg-type]
        assert [(row.offset, row.metric.name, row.metric.value) for row in rows] == [
            (letter.offset, "mended", 42.0)
        ]
        await it.balances()


async def test_by_filter_with_a_dry_run_and_at_a_rate(tmp_path: Path) -> None:
    """A dry run counts and does nothing; at 40 a second 20 letters take about half a second."""
    store = Picky(MemoryStore())
    async with queue(tmp_path / "data", store) as it:
        await it.take(metrics(60, set(range(30))))
        await it.settled()
        some = LetterFilter(source="s1")
        assert (await it.port.redrive_all(some, dry_run=True, rate=None)).matched == 10
        assert len(it.waiting) == 30
        store.refuses = False
        began = asyncio.get_running_loop().time()
        await it.port.redrive_all(LetterFilter(after=0), dry_run=False, rate=40)
        await until(lambda: not it.waiting, "all are redriven")
        assert asyncio.get_running_loop().time() - began >= 0.25
        assert it.status.persisted == 60


async def test_discarded_for_good_and_still_accounted_for(tmp_path: Path) -> None:
    """What a person gives up is gone from the queue, not from the account; also after a restart."""
    tables = MemoryTables()
    async with queue(tmp_path / "data", Picky(MemoryStore(tables=tables))) as it:
        await it.take(metrics(10, {2, 5, 7}))
        await it.settled()
        await it.port.discard(it.port.page(LetterFilter(), 10, None).letters[0].id)
        assert (await it.port.discard_all(LetterFilter(name="bad.5"), dry_run=False)).matched == 1
        assert it.waiting == ["bad.7"]
        assert it.running.forebay.status.report().dead_letters.discarded == 2
        await it.balances()
    async with queue(tmp_path / "data", Picky(MemoryStore(tables=tables))) as it:
        await until(lambda: it.status.state == "following", "the store is open")
        assert it.waiting == ["bad.7"]
        assert (it.status.persisted, it.status.dead_lettered, it.status.lag) == (7, 3, 0)
        await it.balances()


async def test_at_the_limit_the_oldest_expire_and_the_new_go_in(tmp_path: Path) -> None:
    """By event, with a warning long before; nothing is lost from the account."""
    async with queue(tmp_path / "data", Picky(MemoryStore()), items=20) as it:
        await it.take(metrics(30, set(range(5, 30))))
        await it.settled()
        assert it.waiting == [f"bad.{at}" for at in range(10, 30)]
        letters = it.running.forebay.status.report().dead_letters
        assert (letters.pending, letters.limit, letters.expired) == (20, 20, 5)
        assert letters.expires_at == letters.oldest_at + 90 * dead_letters.DAY
        assert it.status.dead_lettered == 25
        await it.balances()


async def test_what_is_too_old_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock, by event."""
    monkeypatch.setattr(dead_letters, "SURE_AFTER", 0.0)
    async with queue(tmp_path / "data", Picky(MemoryStore())) as it:
        await it.take(metrics(5, {1}))
        await it.settled()
    async with queue(tmp_path / "data", Picky(MemoryStore()), days=0.0000001) as it:
        await until(lambda: not it.waiting, "it has expired")
        assert it.running.forebay.status.report().dead_letters.expired == 1


async def test_one_stuck_metric_does_not_hold_up_the_others_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails by chance again and again while its neighbours are stored: a dead letter, for the weather;
    and it goes back by itself when a breaker has closed again."""
    monkeypatch.setattr(persistence, "PAUSE", 0.2)
    store = Picky(MemoryStore())
    store.stuck, store.chance = {"stuck"}, TransientError("memory", "canceling statement due to lock")
    async with queue(tmp_path / "data", store, threshold=1, retry_enabled=False) as it:
        await it.take([Metric("good", 1.0), Metric("stuck", 2.0), Metric("good", 3.0)])
        await it.settled(60)
        [letter] = it.port.page(LetterFilter(), 10, None).letters
        assert (letter.name, letter.cause, letter.weather) == ("stuck", "weather", True)
        store.chance = None
        store.before = OutageError("memory", "gone")
        await it.take(metrics(1))
        await until(lambda: it.status.breaker == "open", "the breaker is open")
        store.before = None
        await until(lambda: not it.waiting, "it is redriven by itself", 60)
        assert (it.status.persisted, it.status.dead_lettered, it.status.lag) == (4, 0, 0)
        await it.balances()


async def test_redriving_waits_for_a_store_that_is_away(tmp_path: Path) -> None:
    """Whoever asks is told that it is queued; it goes when the store is back."""
    store = Picky(MemoryStore())
    async with queue(tmp_path / "data", store, threshold=1) as it:
        await it.take(metrics(3, {1}))
        await it.settled()
        [letter] = it.port.page(LetterFilter(), 10, None).letters
        store.refuses, store.before = False, OutageError("memory", "gone")
        assert (await it.port.redrive(letter.id, None)).outcome == "queued"
        assert it.running.forebay.status.report().dead_letters.redriving == 1
        assert it.waiting == [letter.name]
        store.before = None
        await it.take(metrics(1))
        await until(lambda: not it.waiting, "it is redriven")
        await it.settled()
        await it.balances()


class Deaf(Picky):
    """Takes an edit, and whoever sent it never hears of that."""

    async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
        await super().write(rows, cursor)
        if rows and rows[0].metric.name == "mended":
            await asyncio.Event().wait()


async def test_an_edit_of_which_nobody_heard_is_known_to_the_audit(tmp_path: Path) -> None:
    """Killed after the store took it: the letter waits still, the audit balances, and also once it went again
    without the edit, or with another."""
    tables, home = MemoryTables(), tmp_path / "data"
    async with queue(home, Deaf(MemoryStore(tables=tables)), drain=0.1) as it:
        await it.take(metrics(10, {3, 4}))
        await it.settled()
        held = tables.metrics[str(it.running.journal.id)]
        ids = [letter.id for letter in it.port.page(LetterFilter(), 10, None).letters]
        asking = asyncio.create_task(it.port.redrive(ids[0], Metric("mended", 7.0)))
        await until(lambda: len(held) == 9, "the store has it")
    with contextlib.suppress(DeadLettersUnavailableError):
        await asking
    store = Picky(MemoryStore(tables=tables))
    store.refuses = False
    async with queue(home, store) as it:
        await it.settled()
        assert it.waiting == ["bad.3", "bad.4"]
        await it.account(persisted=9)
        await it.port.redrive(ids[0], Metric("otherwise", 8.0))
        await it.account(persisted=9)


async def test_without_a_queue_poison_blocks_its_own_cursor_loudly(tmp_path: Path) -> None:
    """What is before it is stored, what is behind it waits, the error names it; nothing is lost."""
    store = Picky(MemoryStore())
    async with switched_off(tmp_path / "data", store) as running:
        status = running.forebay.status.report
        await running.journal.append([pack_metrics(metrics(10, {6}))])
        await until(lambda: status().stores[0].state == "blocked", "it blocks")
        await until(lambda: status().stores[0].persisted == 6, "what is before it is stored")
        assert "'bad.6'" in (status().stores[0].last_error or "")
        assert "switched off" in (status().stores[0].last_error or "")
        assert status().stores[0].lag == 4
        with pytest.raises(DeadLettersUnavailableError, match="switched off"):
            running.forebay.dead_letters_port().page(LetterFilter(), 1, None)
        store.refuses = False
        await until(lambda: status().stores[0].lag == 0, "it goes on once it is taken", 60)
        assert status().stores[0].persisted == 10


@contextlib.asynccontextmanager
async def switched_off(home: Path, store: Picky) -> AsyncIterator[Composed]:
    settings = Settings(
        data=str(home), segment_bytes=SEGMENT, resilience=ResilienceSettings(dlq_enabled=False)
    )
    async with composed(home, [store], settings=settings) as running:
        yield running


async def test_the_queue_may_crash(tmp_path: Path) -> None:
    """A mistake in it restarts it; the store waits meanwhile, and nothing is lost or buried twice."""
    async with queue(tmp_path / "data", Picky(MemoryStore())) as it:
        assert it.running.forebay.system.ref("dead-letters").try_tell(object())
        await it.take(metrics(20, {3, 9}))
        await it.settled(30)
        assert it.waiting == ["bad.3", "bad.9"]
        assert it.running.actor("dead-letters").restarts >= 1
        await it.balances()


async def test_many_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Burying, redriving, discarding and looking, all at once: each letter leaves exactly once."""
    store = Picky(MemoryStore())
    async with queue(tmp_path / "data", store) as it:
        await it.take(metrics(120, set(range(60))))
        await it.settled()
        letters = it.port.page(LetterFilter(), 1_000, None).letters
        store.refuses = False

        async def redrive(id_: int) -> str:
            try:
                return (await it.port.redrive(id_, None)).outcome
            except NoSuchLetterError:
                return "gone"

        async def discard(id_: int) -> str:
            try:
                await it.port.discard(id_)
            except (NoSuchLetterError, LetterUnderWayError):
                return "gone"
            return "discarded"

        outcomes = await asyncio.gather(
            *(redrive(letter.id) for letter in letters),
            *(discard(letter.id) for letter in letters[::2]),
            *(redrive(letter.id) for letter in letters[::3]),
            it.take(metrics(50)),
        )
        await until(lambda: not it.waiting, "the queue is empty")
        await it.settled()
        counts = it.running.forebay.status.report().dead_letters
        assert counts.redriven + counts.discarded == 60
        assert outcomes.count("discarded") == counts.discarded
        await it.balances()


@pytest.mark.parametrize("names", [False, True], ids=["searched", "named"])
async def test_where_everything_is_refused_the_table_is_to_blame(tmp_path: Path, names: bool) -> None:
    """After so many refusals in a row nothing more is given up: the rest waits, loudly, until one passes."""
    store = Picky(MemoryStore(), names=names)
    async with queue(tmp_path / "data", store, hold_after=50) as it:
        for _ in range(10):
            await it.take(metrics(30, set(range(30))))
            await asyncio.sleep(0.02)
        await until(lambda: it.status.state == "blocked", "it is held")
        assert "were all refused (check" in (it.status.last_error or "")
        assert it.status.error_kind == "denied"
        buried = len(it.waiting)
        assert 50 <= buried < 300
        await until(lambda: it.status.breaker == "half-open", "it probes")
        await until(lambda: it.status.breaker == "open", "and is refused once more")
        assert len(it.waiting) == buried
        store.refuses = False
        await it.settled()
        assert it.status.persisted == 300 - buried
        await it.balances()


async def test_one_that_passes_clears_the_table(tmp_path: Path) -> None:
    """A client that sends only rubbish is to blame for itself, once another's metric has been stored."""
    store = Picky(MemoryStore())
    async with queue(tmp_path / "data", store, hold_after=20) as it:
        await it.take(metrics(60, set(range(60))))
        await until(lambda: it.status.state == "blocked", "it is held")
        await it.take(metrics(1))
        await it.settled()
        assert (it.status.persisted, it.status.dead_lettered) == (1, 60)
        await it.balances()
