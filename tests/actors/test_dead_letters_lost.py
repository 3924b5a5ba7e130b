"""Dead letters whose metrics a damage took from the queue's journal."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from actors.audit import audit
from actors.cli.dlq_look import details
from actors.cli.dlq_offline import Offline
from actors.config import Settings
from actors.dead_letters.offsets import dead_offsets
from actors.stores.memory import MemoryStore, MemoryTables
from journal.events import OffsetsLost, Snapshot, pack_metrics
from journal.log import Journal
from journal.metric import Metric, Nanoseconds, Offset
from journal.state import DeadLetter, DeadLetterCount, State
from tests.process.composed import Composed, composed, until
from web.letters import LetterFilter, LetterLostError

pytestmark = pytest.mark.slow  # whole systems or programs of their own

METRIC = Metric("bad", 7.0, 1)


class Scene:
    """A queue in which letter 5 waits, whose event was lost; the main journal has its metric at `offset`,
    unless it was lost there too."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.tables = MemoryTables()
        self.offset = Offset(0)
        self.id = Offset(5)

    async def make(self, *, in_main: bool) -> None:
        main = await Journal.open(str(self.home / "journal"))
        event = pack_metrics([METRIC]) if in_main else OffsetsLost(1, 1)
        self.offset = (await main.append([event])).first_offset
        self.tables.cursors[str(main.id), "memory"] = Offset(self.offset + 1)
        await main.close()
        queue = await Journal.open(str(self.home / "dead-letters"))
        await queue.append([OffsetsLost(20, 20, exact=False)])
        now = Nanoseconds(1)
        letter = DeadLetter(self.id, "memory", self.offset, now, "bad", "", "check", "no", 1, now, now)
        # As the segment behind the damage begins: its snapshot was written before that.
        counts = {"memory": DeadLetterCount(1)}
        state = replace(State(), dead_letters={self.id: letter}, dead_letter_counts=counts)
        await queue.append([Snapshot(state)])
        await queue.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Composed]:
        store = MemoryStore(tables=self.tables)
        async with composed(self.home, [store], settings=Settings(data=str(self.home))) as running:
            status = running.forebay.status.report
            await until(lambda: status().stores[0].state == "following", "the store is open")
            yield running


@pytest.fixture
async def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "data")


def waiting(running: Composed) -> int:
    return running.forebay.dead_letters_port().page(LetterFilter(), 10, None).pending


async def test_the_main_journal_gives_back_what_it_still_has(scene: Scene) -> None:
    """The letter is shown and redriven as if nothing had happened."""
    await scene.make(in_main=True)
    async with scene.running() as running:
        queue = running.forebay.dead_letters_port()
        assert (await queue.show(scene.id)).metric == METRIC
        assert (await queue.redrive(scene.id, None)).outcome == "redriven"
        assert waiting(running) == 0
    [rows] = scene.tables.metrics.values()
    assert rows[scene.offset].metric == METRIC


async def test_what_is_lost_everywhere_says_so_and_holds_nobody_up(scene: Scene) -> None:
    """Shown without its metric, refused by name, not sent for ever; and it can be discarded."""
    await scene.make(in_main=False)
    async with scene.running() as running:
        queue = running.forebay.dead_letters_port()
        shown = await queue.show(scene.id)
        assert shown.metric is None
        assert "lost with a damage" in "\n".join(details(shown))
        with pytest.raises(LetterLostError, match=r"dead letter 5 was lost .* discard it"):
            await queue.redrive(scene.id, None)
        await queue.redrive_all(LetterFilter(), dry_run=False, rate=None)
        await until(lambda: not queue.page(LetterFilter(), 10, None).letters[0].redriving, "it is given up")
        assert running.actor("dead-letters").restarts == 0
        assert waiting(running) == 1
        await queue.discard(scene.id)
        assert waiting(running) == 0


async def test_an_edit_takes_the_place_of_what_is_lost(scene: Scene) -> None:
    """A person who knows what it was can still have it stored, under its own offset."""
    await scene.make(in_main=False)
    async with scene.running() as running:
        queue = running.forebay.dead_letters_port()
        assert (await queue.redrive(scene.id, replace(METRIC, name="good"))).outcome == "redriven"
    [rows] = scene.tables.metrics.values()
    assert rows[scene.offset].metric.name == "good"


@pytest.mark.parametrize("in_main", [True, False])
async def test_the_account_knows_the_letter_by_the_snapshot_behind_the_damage(
    scene: Scene, in_main: bool
) -> None:
    """Nothing is missing: a dead letter is a dead letter, whatever is left of it."""
    await scene.make(in_main=in_main)
    letters = str(scene.home / "dead-letters")
    assert (await dead_offsets(letters, "memory")).offsets == [scene.offset]
    async with scene.running() as running:
        report = running.forebay.status.report()
        assert (report.dead_lettered, report.persisted, report.lost, report.pending) == (1, 0, 0, 0)
    result = await audit(str(scene.home / "journal"), letters, [MemoryStore(tables=scene.tables)])
    [account] = result.stores
    assert (account.dead_lettered, account.lost, result.balances) == (1, 0, True)


def test_offline_a_letter_without_its_metric_is_listed_and_exported(tmp_path: Path) -> None:
    """What is known of it is told; the others are not held up."""
    import asyncio

    scene = Scene(tmp_path / "data")
    asyncio.run(scene.make(in_main=False))
    queue = Offline(os.path.join(scene.home, "dead-letters"))
    [letter] = list(queue.whole(LetterFilter(), None))
    assert (letter.id, letter.offset, letter.metric) == (scene.id, scene.offset, None)
    assert queue.one(scene.id) == letter
