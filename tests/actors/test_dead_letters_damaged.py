"""The queue's journal is damaged while it is in use, and not repaired yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from actors.config import Settings
from actors.dead_letters import queue as queueing
from actors.stores.memory import MemoryStore
from journal.disk import OsFileSystem
from journal.events import pack_metrics
from journal.framing import Record
from journal.log import Journal
from journal.metric import Metric
from journal.segment import segment_name
from tests.actors.picky import Picky
from tests.journal.building import read_journal
from tests.process.composed import composed, until
from web.letters import DeadLettersUnavailableError, LetterFilter

pytestmark = pytest.mark.slow  # whole systems or programs of their own


def spoil(directory: Path, which: Callable[[Record], bool]) -> None:
    """Damage the first record of the journal in `directory` for which `which` holds."""
    position = next(each.position for each in read_journal(OsFileSystem(), str(directory)) if which(each))
    with (directory / segment_name(0)).open("r+b") as file:
        file.seek(position + 60)
        file.write(bytes(30))


async def test_a_damage_holds_up_only_what_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the main journal still has is stored, what is damaged there too says so and stays, and the queue
    goes on keeping its house."""
    monkeypatch.setattr(queueing, "PREPARE_EVERY", 0.0)
    home, prepared = tmp_path / "data", 0
    store = Picky(MemoryStore())
    async with composed(home, [store], settings=Settings(data=str(home))) as running:
        queue, journal = running.forebay.dead_letters_port(), running.forebay.dead_letters
        assert isinstance(journal, Journal)
        for number in range(3):
            await running.journal.append([pack_metrics([Metric(f"bad.{number}", 1.0)])])
            await until(lambda: queue.page(LetterFilter(), 10, None).pending == number + 1, "it is one")  # noqa: B023
        _, second, third = queue.page(LetterFilter(), 10, None).letters
        spoil(home / "dead-letters", lambda record: record.base == second.id)
        spoil(home / "journal", lambda record: record.base == third.offset)
        store.refuses = False
        await queue.redrive_all(LetterFilter(), dry_run=False, rate=None)
        await until(lambda: queue.page(LetterFilter(), 10, None).pending == 1, "the others are stored")
        await until(lambda: not queue.page(LetterFilter(), 10, None).letters[0].redriving, "it is told")
        with pytest.raises(DeadLettersUnavailableError, match="journal repair"):
            await queue.redrive(third.id, None)

        async def prepare() -> None:
            nonlocal prepared
            prepared += 1

        monkeypatch.setattr(journal, "prepare", prepare)
        await until(lambda: prepared, "the house is kept")
        assert running.actor("dead-letters").restarts == 0
