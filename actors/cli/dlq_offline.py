"""The dead-letter queue as it lies on the disk: read, not locked, and not changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from msgspec.structs import replace

from actors.cli.exits import CommandError
from journal.events import MetricDeadLettered, offsets_of
from journal.metric import Metric, Offset
from journal.reader import OffsetRetiredError, reading, segment_offsets
from journal.replay import fold
from journal.state import DeadLetter, State
from web.letters import Letter, LetterFilter, LetterPage, NoSuchLetterError


class Offline:
    """The queue whose journal is in `directory`, as it was when this was made. See dlq_source.Source.

    Raises NoJournalError, JournalCorruptError.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        state = asyncio.run(_state(directory))
        self._letters = {id_: _seen(letter) for id_, letter in state.dead_letters.items()}

    def pages(self, which: LetterFilter, limit: int | None) -> Iterator[LetterPage]:
        """See Source."""
        matching = self._matching(which)
        yield LetterPage(matching[:limit], None, len(matching), len(self._letters))

    def whole(self, which: LetterFilter, limit: int | None) -> Iterator[Letter]:
        """See Source. Raises CommandError where a metric is not in the journal any more."""
        letters = self._matching(which)[:limit]
        metrics = asyncio.run(_metrics(self._directory, [Offset(letter.id) for letter in letters]))
        for letter in letters:
            yield replace(letter, metric=metrics[Offset(letter.id)])

    def one(self, id_: int) -> Letter:
        """See Source."""
        if id_ not in self._letters:
            raise CommandError(str(NoSuchLetterError(id_)))
        return next(self.whole(LetterFilter(ids=[id_]), None))

    def _matching(self, which: LetterFilter) -> list[Letter]:
        return [letter for letter in self._letters.values() if _matches(which, letter)]


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
    if missing := wanted - found.keys():
        raise CommandError(f"{directory}: the metric of dead letter {min(missing)} cannot be found there")
    return found


def _seen(letter: DeadLetter) -> Letter:
    return Letter(
        id=letter.id,
        store=letter.store,
        offset=letter.offset,
        accepted_at=letter.accepted_at,
        name=letter.name,
        source=letter.source,
        cause=letter.cause,
        error=letter.error,
        attempts=letter.attempts,
        first_failed_at=letter.first_failed_at,
        last_failed_at=letter.last_failed_at,
        weather=letter.weather,
    )


def _matches(which: LetterFilter, letter: Letter) -> bool:
    return (
        (which.ids is None or letter.id in which.ids)
        and which.store in (None, letter.store)
        and which.cause in (None, letter.cause)
        and which.name in (None, letter.name)
        and which.source in (None, letter.source)
        and (which.after is None or letter.accepted_at >= which.after)
        and (which.before is None or letter.accepted_at < which.before)
    )
