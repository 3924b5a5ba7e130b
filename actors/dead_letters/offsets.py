"""Which metrics are not in a store because they are, or were, dead letters."""

from __future__ import annotations

from typing import NamedTuple

from journal.events import DeadLetterRetried, DeadLettersRedriven, MetricDeadLettered, Snapshot, offsets_of
from journal.metric import Metric, Offset
from journal.reader import reading, segment_offsets
from journal.segment import NoJournalError
from journal.state import DeadLetterCount


class DeadOffsets(NamedTuple):
    """`offsets` of the main journal, ascending, as far as the queue's journal goes back; `total` since the
    journal began. `edited` is what the store was given in place of those that a person has changed, `sent`
    every edit that was sent to it, whatever came of that."""

    offsets: list[int]
    total: int
    edited: dict[int, Metric]
    sent: dict[int, list[Metric]]


async def dead_offsets(directory: str, store: str) -> DeadOffsets:
    """The metrics that `store` does not hold for being dead letters, or having been. `directory` is that of
    the queue's journal; where there is none, there are none. Raises JournalCorruptError."""
    try:
        segments = segment_offsets(directory)
    except NoJournalError:
        return DeadOffsets([], 0, {}, {})
    buried: dict[Offset, Offset] = {}
    edited: dict[int, Metric] = {}
    sent: dict[int, list[Metric]] = {}
    total = 0
    async with reading(directory, segments[0]) as reader:
        while records := await reader.read():
            for record in records:
                for at, event in offsets_of(record.events(), record.base):
                    match event:
                        case MetricDeadLettered() if event.store == store:
                            buried[at] = event.offset
                            total += 1
                        case DeadLetterRetried(id=id_, edited=Metric() as edit) if id_ in buried:
                            sent.setdefault(buried[id_], []).append(edit)
                        case DeadLettersRedriven() if event.store == store:
                            for each in event.ids:
                                offset = buried.pop(each, None)
                                if offset is not None and event.edited is not None:
                                    edited[offset] = event.edited
                            total -= len(event.ids)
                        case Snapshot():
                            waiting = event.state.dead_letters.values()
                            # Also those whose own event is gone: retired, or lost.
                            buried |= {each.id: each.offset for each in waiting if each.store == store}
                            # Segments that are gone count, though nobody can name what was in them.
                            total = event.state.dead_letter_counts.get(store, DeadLetterCount()).missing
                        case _:
                            pass
    known = sorted(set(buried.values()))
    return DeadOffsets(list(known), max(len(known), total), edited, sent)
