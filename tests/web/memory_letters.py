"""The dead-letter queue in memory: web.ports.DeadLetters over stores that take or refuse as told."""

from __future__ import annotations

from collections import Counter, defaultdict

from msgspec.structs import replace

from journal.metric import Metric, Nanoseconds, Offset
from tests.contracts.dead_letters_suite import Mood
from web.letters import (
    Bulk,
    DeadLettersUnavailableError,
    Letter,
    LetterFilter,
    LetterPage,
    NoSuchLetterError,
    Redriven,
)


class MemoryDeadLetters:
    """Keeps letters in order of their ids. What is queued goes to its store when `deliver` is called."""

    def __init__(self) -> None:
        self.letters: dict[int, Letter] = {}
        self.error: DeadLettersUnavailableError | None = None
        self.moods: defaultdict[str, Mood] = defaultdict(lambda: "takes")
        self.stored: defaultdict[str, list[Metric]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        self.rates: list[float | None] = []
        self._queued: dict[int, Metric] = {}
        self._next_id = 0
        self._clock = 1_700_000_000_000_000_000

    def bury(
        self, metric: Metric, store: str, cause: str, error: str, accepted_at: Nanoseconds, *, weather: bool
    ) -> int:
        """A new letter's id."""
        id_, now = self._next_id, self._tick()
        self._next_id += 1
        self.letters[id_] = Letter(
            id_,
            store,
            Offset(1000 + id_),
            accepted_at,
            metric.name,
            metric.source,
            cause,
            error,
            1,
            now,
            now,
            weather,
            metric=metric,
        )
        return id_

    def page(self, which: LetterFilter, limit: int, cursor: str | None) -> LetterPage:
        """As web.ports.DeadLetters says."""
        self._fail()
        after = -1
        if cursor is not None:
            if not (cursor.isascii() and cursor.isdigit()):
                raise ValueError(cursor)
            after = int(cursor)
        matching = self._matching(which)
        rest = [letter for letter in matching if letter.id > after]
        shown = [self._seen(letter, whole=False) for letter in rest[:limit]]
        more = str(shown[-1].id) if len(rest) > limit else None
        return LetterPage(shown, more, len(matching), len(self.letters))

    async def whole_page(self, which: LetterFilter, limit: int, cursor: str | None) -> LetterPage:
        """As web.ports.DeadLetters says."""
        page = self.page(which, limit, cursor)
        return replace(page, letters=[self._seen(self.letters[each.id], whole=True) for each in page.letters])

    async def show(self, id_: int) -> Letter:
        """As web.ports.DeadLetters says."""
        self._fail()
        return self._seen(self._letter(id_), whole=True)

    async def redrive(self, id_: int, edited: Metric | None) -> Redriven:
        """As web.ports.DeadLetters says."""
        self._fail()
        letter = self._letter(id_)
        assert letter.metric is not None
        metric = letter.metric if edited is None else edited
        if self.moods[letter.store] == "away":
            self._queued[id_] = metric
            return Redriven(id_, "queued")
        if self._send(id_, metric):
            return Redriven(id_, "redriven")
        return Redriven(id_, "refused", self._seen(self.letters[id_], whole=False))

    async def redrive_all(self, which: LetterFilter, *, dry_run: bool, rate: float | None) -> Bulk:
        """As web.ports.DeadLetters says."""
        self._fail()
        matching = self._matching(which)
        if not dry_run:
            self.rates.append(rate)
            for letter in matching:
                assert letter.metric is not None
                self._queued.setdefault(letter.id, letter.metric)
        return Bulk(len(matching), dry_run)

    async def discard(self, id_: int) -> None:
        """As web.ports.DeadLetters says."""
        self._fail()
        self._letter(id_)
        self._remove(id_, "discarded")

    async def discard_all(self, which: LetterFilter, *, dry_run: bool) -> Bulk:
        """As web.ports.DeadLetters says."""
        self._fail()
        matching = self._matching(which)
        if not dry_run:
            for letter in matching:
                self._remove(letter.id, "discarded")
        return Bulk(len(matching), dry_run)

    def clear(self) -> None:
        """Be as at first, but for the ids that were given."""
        for each in (self._queued, self.letters, self.moods, self.stored, self.counts, self.rates):
            each.clear()

    def deliver(self) -> None:
        """Send what is queued to the stores that are not away."""
        for id_, metric in sorted(self._queued.items()):
            if self.moods[self.letters[id_].store] != "away":
                self._send(id_, metric)

    @property
    def redriving(self) -> int:
        """How many are on their way back."""
        return len(self._queued)

    def _send(self, id_: int, metric: Metric) -> bool:
        self._queued.pop(id_, None)
        letter = self.letters[id_]
        if self.moods[letter.store] == "takes":
            self.stored[letter.store].append(metric)
            self._remove(id_, "redriven")
            return True
        self.letters[id_] = replace(
            letter, error="refused again", attempts=letter.attempts + 1, last_failed_at=self._tick()
        )
        return False

    def _remove(self, id_: int, how: str) -> None:
        del self.letters[id_]
        self._queued.pop(id_, None)
        self.counts[how] += 1

    def _letter(self, id_: int) -> Letter:
        try:
            return self.letters[id_]
        except KeyError:
            raise NoSuchLetterError(id_) from None

    def _matching(self, which: LetterFilter) -> list[Letter]:
        return [letter for letter in self.letters.values() if _matches(which, letter)]

    def _seen(self, letter: Letter, *, whole: bool) -> Letter:
        redriving = letter.id in self._queued
        return replace(letter, redriving=redriving, metric=letter.metric if whole else None)

    def _tick(self) -> Nanoseconds:
        self._clock += 1_000_000_000
        return self._clock

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


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
