"""The queue as the edge asks it: `web.ports.DeadLetters`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from msgspec.structs import asdict, replace

from actors.core.dead_letters import kept_time, matching
from actors.dead_letters.answers import UNANSWERED
from actors.dead_letters.payloads import read_letters
from actors.dead_letters.redriving import Redriving
from actors.kernel import ActorRef, Question
from actors.messages import DeadLettersMessage, DiscardSome, RedriveOne, RedriveSome
from journal.events import MetricDeadLettered
from journal.log import Journal
from journal.metric import Metric, Offset
from journal.segment import JournalCorruptError
from journal.state import DeadLetter
from web.letters import (
    Bulk,
    DeadLettersUnavailableError,
    Letter,
    LetterFilter,
    LetterPage,
    LetterUnderWayError,
    NoSuchLetterError,
    Redriven,
    StoreNotFedError,
)

ANSWER_WITHIN = 60.0
"""Seconds that a person waits for what becomes of one letter."""

WHOLE_BYTES = 4 * 1024 * 1024
"""Metrics of a whole page, as JSON, from which on it takes no more letters."""

R = TypeVar("R")


def as_shown(letter: DeadLetter, *, redriving: bool, metric: Metric | None = None) -> Letter:
    """`letter` for the edge."""
    return Letter(**asdict(letter), redriving=redriving, metric=metric)


class DeadLettersPort:
    """See web.ports.DeadLetters. Reads `journal`, the queue's own, and `main`, that of the metrics; what
    changes something goes to `queue`."""

    def __init__(
        self,
        journal: Journal,
        main: Journal,
        redriving: Mapping[str, Redriving],
        queue: Callable[[], ActorRef[DeadLettersMessage]],
    ) -> None:
        self._journal = journal
        self._main = main
        self._redriving = redriving
        self._queue = queue

    def page(self, which: LetterFilter, limit: int, cursor: str | None) -> LetterPage:
        """See DeadLetters. The cursor is the id of the last letter of the page before."""
        after = -1 if cursor is None else _id(cursor)
        found = matching(self._journal.state, which)
        rest = [letter for letter in found if letter.id > after]
        shown = [as_shown(letter, redriving=self._is_redriving(letter)) for letter in rest[:limit]]
        more = str(shown[-1].id) if len(rest) > limit else None
        return LetterPage(shown, more, len(found), len(self._journal.state.dead_letters))

    async def whole_page(self, which: LetterFilter, limit: int, cursor: str | None) -> LetterPage:
        """See DeadLetters. A letter that leaves while the page is read is left out."""
        plain = self.page(which, limit, cursor)
        shown: list[Letter] = []
        record: dict[Offset, MetricDeadLettered] = {}
        size, more = 0, plain.cursor
        for letter in plain.letters:
            id_ = Offset(letter.id)
            # Letters that were buried together stand in one record, which is read once for all of them.
            if id_ not in record:
                record = await self._record_of(id_)
            if id_ not in self._journal.state.dead_letters:
                continue
            metric = record[id_].metric if id_ in record else None
            shown.append(replace(letter, metric=metric))
            size += len(msgspec.json.encode(metric))
            if size >= WHOLE_BYTES and letter is not plain.letters[-1]:
                more = str(letter.id)
                break
        return LetterPage(shown, more, plain.matched, plain.pending)

    async def show(self, id_: int) -> Letter:
        """See DeadLetters."""
        letter = self._letter(id_)
        event = await self._buried(letter.id)
        # A letter without its metric: a damage took that. The letter can be discarded, or edited, still.
        metric = event.metric if event is not None else None
        return as_shown(letter, redriving=self._is_redriving(letter), metric=metric)

    async def redrive(self, id_: int, edited: Metric | None) -> Redriven:
        """See DeadLetters. An edit keeps the letter's time. Raises LetterTimeError, a ValueError."""
        letter = self._letter(id_)
        if edited is not None and (event := await self._buried(letter.id)) is not None:
            edited = kept_time(letter.id, event, edited)
        return await self._ask(RedriveOne(letter.id, edited))

    async def redrive_all(self, which: LetterFilter, *, dry_run: bool, rate: float | None) -> Bulk:
        """See DeadLetters. Those of a store that nothing is brought to stay, and count only where there are
        no others: StoreNotFedError."""
        found = matching(self._journal.state, which)
        ids = [letter.id for letter in found if letter.store in self._redriving]
        if found and not ids:
            raise StoreNotFedError(found[0].store)
        if ids and not dry_run:
            await self._ask(RedriveSome(ids, rate))
        return Bulk(len(ids), dry_run)

    async def discard(self, id_: int) -> None:
        """See DeadLetters. Raises LetterUnderWayError for one that may be in its store by now."""
        letter = self._letter(id_)
        if await self._ask(DiscardSome([letter.id])):
            return
        if letter.id in self._journal.state.dead_letters:
            raise LetterUnderWayError(id_)
        raise NoSuchLetterError(id_)

    async def discard_all(self, which: LetterFilter, *, dry_run: bool) -> Bulk:
        """See DeadLetters."""
        ids = [letter.id for letter in matching(self._journal.state, which)]
        if not ids or dry_run:
            return Bulk(len(ids), dry_run)
        return Bulk(await self._ask(DiscardSome(ids)), False)

    def _letter(self, id_: int) -> DeadLetter:
        letter = self._journal.state.dead_letters.get(Offset(id_))
        if letter is None:
            raise NoSuchLetterError(id_)
        return letter

    async def _buried(self, id_: Offset) -> MetricDeadLettered | None:
        return (await self._record_of(id_)).get(id_)

    async def _record_of(self, id_: Offset) -> dict[Offset, MetricDeadLettered]:
        """The letter `id_` as it was buried, and those that were buried with it."""
        try:
            return await read_letters(self._journal, [id_], self._main)
        except JournalCorruptError as error:
            raise DeadLettersUnavailableError(str(error)) from error

    def _is_redriving(self, letter: DeadLetter) -> bool:
        redriving = self._redriving.get(letter.store)
        return redriving is not None and letter.id in redriving

    async def _ask(self, question: Question[R]) -> R:
        try:
            return await self._queue().ask(question, ANSWER_WITHIN)
        except UNANSWERED as error:
            raise DeadLettersUnavailableError(str(error)) from error


class NoDeadLetters:
    """See web.ports.DeadLetters, where the queue is switched off."""

    def page(self, which: LetterFilter, limit: int, cursor: str | None) -> LetterPage:
        """See DeadLetters."""
        raise _off()

    async def whole_page(self, which: LetterFilter, limit: int, cursor: str | None) -> LetterPage:
        """See DeadLetters."""
        raise _off()

    async def show(self, id_: int) -> Letter:
        """See DeadLetters."""
        raise _off()

    async def redrive(self, id_: int, edited: Metric | None) -> Redriven:
        """See DeadLetters."""
        raise _off()

    async def redrive_all(self, which: LetterFilter, *, dry_run: bool, rate: float | None) -> Bulk:
        """See DeadLetters."""
        raise _off()

    async def discard(self, id_: int) -> None:
        """See DeadLetters."""
        raise _off()

    async def discard_all(self, which: LetterFilter, *, dry_run: bool) -> Bulk:
        """See DeadLetters."""
        raise _off()


def _off() -> DeadLettersUnavailableError:
    return DeadLettersUnavailableError(
        "the dead-letter queue is switched off: METRICS_PERSISTER_DLQ_ENABLED and RESILIENCE_DLQ_ENABLED"
    )


def _id(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 19:
        raise ValueError("not a cursor of this queue; take `cursor` of the page before as it is")
    return int(cursor)
