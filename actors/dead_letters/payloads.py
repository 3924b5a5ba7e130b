"""A dead letter's metric: it stays on the disk until it is asked for."""

from __future__ import annotations

from collections.abc import Iterable

from journal.events import MetricDeadLettered, offsets_of
from journal.log import Journal
from journal.metric import Offset
from journal.reader import reading_own


async def read_letters(journal: Journal, ids: Iterable[Offset]) -> dict[Offset, MetricDeadLettered]:
    """The letters `ids` as they were buried, by id; those whose segment is gone are left out.

    Raises JournalCorruptError.
    """
    found: dict[Offset, MetricDeadLettered] = {}
    for each in sorted(ids):
        if each in found or not journal.first_offset <= each < journal.next_offset:
            continue
        async with reading_own(journal, each) as reader:
            for record in await reader.read(1):
                found |= {
                    at: event
                    for at, event in offsets_of(record.events(), record.base)
                    if isinstance(event, MetricDeadLettered)
                }
    return found
