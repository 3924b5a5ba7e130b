"""The fold of dead letters, and the snapshot of them that heads every segment."""

from __future__ import annotations

import time

from journal.committer import Options
from journal.dead_letters import MAX_ERROR, MAX_TEXT
from journal.events import DeadLettersDiscarded, DeadLettersMirrored, MetricDeadLettered, offsets_of
from journal.metric import Metric, Offset
from journal.replay import evolve, evolve_all
from journal.state import State
from tests.journal.building import folded, read_journal
from tests.journal.opening import DIRECTORY, SMALL, journal_on
from tests.journal.simdisk import SimDisk


def letter(at: int, *, text: int = 3) -> MetricDeadLettered:
    metric = Metric("n" * text, 1.0, source="s" * text)
    return MetricDeadLettered("sqlite", Offset(at), 1, metric, "check", "e" * text, 1, 1)


def test_what_stays_in_memory_is_bounded() -> None:
    """However long the source, name and error of a metric: a snapshot repeats them in every segment."""
    state = evolve(State(), letter(5, text=1_000_000), 7, Offset(3))
    kept = state.dead_letters[Offset(3)]
    assert (len(kept.name), len(kept.source), len(kept.error)) == (MAX_TEXT, MAX_TEXT, MAX_ERROR)


async def test_a_segment_has_room_behind_a_large_snapshot() -> None:
    """With a snapshot larger than a segment is usually, events go on into the one that it heads."""
    disk = SimDisk()
    async with journal_on(disk, SMALL) as journal:
        await journal.append([letter(at, text=200) for at in range(40)])
        before = len(journal.segments)
        for at in range(200):
            await journal.append([DeadLettersMirrored("sqlite", Offset(at))])
        assert len(journal.segments) - before <= 2
    async with journal_on(disk, SMALL) as journal:
        assert len(journal.state.dead_letters) == 40
        before = len(journal.segments)
        for at in range(100):
            await journal.append([DeadLettersMirrored("sqlite", Offset(at))])
        assert len(journal.segments) - before <= 1


async def test_letters_in_one_append_fold_as_each_alone() -> None:
    """Live, where those in a row fold as one, and in replay, one by one: the same state."""
    disk = SimDisk()
    async with journal_on(disk, Options(segment_bytes=1 << 20)) as journal:
        await journal.append([letter(at) for at in range(20)])
        ids = list(journal.state.dead_letters)[:3]
        await journal.append([letter(30), DeadLettersDiscarded("sqlite", ids), letter(31), letter(32)])
        live = journal.state
        assert folded(read_journal(disk, DIRECTORY)) == live
    assert (len(live.dead_letters), live.dead_letter_counts["sqlite"].buried) == (20, 23)


def test_a_long_queue_is_not_copied_for_every_letter() -> None:
    """500 letters more cost far less than 500 times what one more costs, 50,000 waiting."""
    state = evolve_all(State(), offsets_of([letter(at) for at in range(50_000)], 0), 7)

    def seconds(letters: int) -> float:
        events = [letter(at) for at in range(letters)]
        began = time.perf_counter()
        evolve_all(state, offsets_of(events, 50_000), 7)
        return time.perf_counter() - began

    one, many = (min(seconds(letters) for _ in range(7)) for letters in (1, 500))
    assert many < 100 * one, (many, one)
