"""A dead letter's metric: it stays on the disk until it is asked for.

Where a damage took it from the queue's journal, the main one may still have it.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.core.rows import rows_of
from journal.events import MetricDeadLettered, offsets_of
from journal.log import Journal
from journal.metric import Metric, Offset
from journal.reader import OffsetRetiredError, reading_own
from journal.segment import JournalCorruptError
from journal.state import DeadLetter


async def read_letters(
    journal: Journal, ids: Iterable[Offset], main: Journal
) -> dict[Offset, MetricDeadLettered]:
    """The letters `ids` as they were buried, by id; left out are those whose segment is gone, and those of
    which neither `journal`, the queue's, nor the `main` one has the metric any more.

    Raises JournalCorruptError where one is behind a damage that was not repaired, and not in `main` either.
    """
    wanted = set(ids)
    found, damage = await _buried(journal, wanted)
    for each in wanted - found.keys():
        letter = journal.state.dead_letters.get(each)
        metric = None if letter is None else await _accepted(main, letter)
        if letter is not None and metric is not None:
            found[each] = as_buried(letter, metric)
    if damage is not None and not wanted <= found.keys():
        raise damage
    return found


def as_buried(letter: DeadLetter, metric: Metric) -> MetricDeadLettered:
    """The event that `letter`, whose metric is `metric`, would be if it were buried as it is now."""
    return MetricDeadLettered(
        letter.store,
        letter.offset,
        letter.accepted_at,
        metric,
        letter.cause,
        letter.error,
        letter.attempts,
        letter.first_failed_at,
        letter.weather,
    )


async def _accepted(main: Journal, letter: DeadLetter) -> Metric | None:
    if not main.first_offset <= letter.offset < main.next_offset:
        return None
    try:
        async with reading_own(main, letter.offset) as reader:
            rows = [row for record in await reader.read(1) for row in rows_of(record, letter.offset)]
    except OffsetRetiredError:
        return None
    return rows[0].metric if rows and rows[0].offset == letter.offset else None


async def _buried(
    journal: Journal, ids: Iterable[Offset]
) -> tuple[dict[Offset, MetricDeadLettered], JournalCorruptError | None]:
    found: dict[Offset, MetricDeadLettered] = {}
    damage: JournalCorruptError | None = None
    for each in sorted(ids):
        if each in found or not journal.first_offset <= each < journal.next_offset:
            continue
        try:
            async with reading_own(journal, each) as reader:
                for record in await reader.read(1):
                    found |= {
                        at: event
                        for at, event in offsets_of(record.events(), record.base)
                        if isinstance(event, MetricDeadLettered)
                    }
        except JournalCorruptError as error:
            damage = error
    return found, damage
