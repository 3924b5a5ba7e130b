"""The dead-letter queue as it lies on the disk: read, not locked, and not changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from msgspec.structs import replace

from actors.cli.exits import CommandError
from actors.core.dead_letters import matching
from actors.dead_letters.port import as_shown
from journal.events import MetricDeadLettered, offsets_of
from journal.metric import Metric, Offset
from journal.reader import OffsetRetiredError, reading, segment_offsets
from journal.replay import fold
from journal.state import State
from web.letters import Letter, LetterFilter, LetterPage, NoSuchLetterError


class Offline:
    """The queue whose journal is in `directory`, as it was when this was made. See dlq_source.Source.

    Raises NoJournalError, JournalCorruptError.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._state = asyncio.run(_state(directory))

    def pages(self, which: LetterFilter, limit: int | None) -> Iterator[LetterPage]:
        """See Source."""
        found = self._matching(which)
        yield LetterPage(found[:limit], None, len(found), len(self._state.dead_letters))

    def whole(self, which: LetterFilter, limit: int | None) -> Iterator[Letter]:
        """See Source. A letter whose metric a damage took comes without it."""
        letters = self._matching(which)[:limit]
        metrics = asyncio.run(_metrics(self._directory, [Offset(letter.id) for letter in letters]))
        for letter in letters:
            yield replace(letter, metric=metrics.get(Offset(letter.id)))

    def one(self, id_: int) -> Letter:
        """See Source."""
        if id_ not in self._state.dead_letters:
            raise CommandError(str(NoSuchLetterError(id_)))
        return next(self.whole(LetterFilter(ids=[id_]), None))

    def _matching(self, which: LetterFilter) -> list[Letter]:
        return [as_shown(letter, redriving=False) for letter in matching(self._state, which)]


async def _state(directory: str) -> State:
    """What the queue folds to, from its newest segment that has anything in it on."""
    for begin in reversed(segment_offsets(directory)):
        state, found = State(), False
        async with reading(directory, begin) as reader:
            while records := await reader.read():
                state, found = fold(state, records), True
        if found:
            return state
    return State()


async def _metrics(directory: str, ids: list[Offset]) -> dict[Offset, Metric]:
    wanted, found = set(ids), dict[Offset, Metric]()
    try:
        async with reading(directory, min(wanted, default=Offset(0))) as reader:
            while len(found) < len(wanted) and (records := await reader.read()):
                for record in records:
                    for at, event in offsets_of(record.events(), record.base):
                        if at in wanted and isinstance(event, MetricDeadLettered):
                            found[at] = event.metric
    except OffsetRetiredError as error:
        raise CommandError(str(error)) from error
    return found
