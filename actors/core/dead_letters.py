"""The dead-letter queue as a Decider: what is kept, what must leave, what is asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from itertools import islice
from typing import Literal

import msgspec
from msgspec.structs import replace

from journal.dead_letters import MAX_TEXT, DeadLetterEvent
from journal.events import DeadLettersDiscarded, DeadLettersExpired, DeadLettersRedriven, MetricDeadLettered
from journal.metric import Metric, Nanoseconds, Offset, metric_time
from journal.state import DeadLetter, State
from web.letters import LetterFilter, LetterTimeError

DAY = 86_400 * 1_000_000_000

WARN_FROM = 0.8
"""Share of the limit from which on people are warned: what comes over it pushes the oldest out."""

SURE_AFTER = 3600.0
"""Seconds for which a letter must have been too old by the clock before it expires."""

OUT_OF_RANGE = "out-of-range"
"""The cause of what has a number or a time beyond what its column can hold."""


class Limits(msgspec.Struct, frozen=True):
    """How many dead letters are kept, and for how many days."""

    items: int
    days: float


def bury(
    state: State, letters: Sequence[MetricDeadLettered], limits: Limits, under_way: Container[Offset] = ()
) -> list[DeadLetterEvent]:
    """The events that keep `letters`, those left out that wait already; the oldest make room for them, but
    for those `under_way` to their store, which may hold them already.

    At most `limits.items` letters at a time. What is new always goes in: it is what somebody may still mend.
    """
    waiting = {(letter.store, letter.offset) for letter in state.dead_letters.values()}
    fresh = [letter for letter in letters if (letter.store, letter.offset) not in waiting]
    over = len(state.dead_letters) + len(fresh) - limits.items
    oldest = (letter for letter in state.dead_letters.values() if letter.id not in under_way)
    return [*_expired(list(islice(oldest, max(0, over))), "items"), *fresh]


def ageing(
    state: State, limits: Limits, since: Mapping[Offset, float], now: Nanoseconds, monotonic: float
) -> dict[Offset, float]:
    """Which letters have waited for too long at `now`, and since when every look has said so, `since` being
    what the last one returned, in seconds of a `monotonic` clock."""
    before = now - int(limits.days * DAY)
    old = [each.id for each in state.dead_letters.values() if each.first_failed_at < before]
    return {each: since.get(each, monotonic) for each in old}


def expires_at(letter: DeadLetter, limits: Limits) -> Nanoseconds:
    """When `letter` is too old, if nothing happens to it before; SURE_AFTER later it goes."""
    return letter.first_failed_at + int(limits.days * DAY)


def too_old(
    state: State, since: Mapping[Offset, float], monotonic: float, under_way: Container[Offset] = ()
) -> list[DeadLetterEvent]:
    """The events that let go of what has been too old for SURE_AFTER, but for what is `under_way`: a clock
    that is ahead for a moment is to cost no letter."""
    sure = [each for each, begun in since.items() if monotonic - begun >= SURE_AFTER]
    return _expired([each for each in _waiting(state, sure) if each.id not in under_way], "age")


def _expired(letters: Sequence[DeadLetter], limit: Literal["items", "age"]) -> list[DeadLetterEvent]:
    return [DeadLettersExpired(store, ids, limit) for store, ids in by_store(letters).items()]


def discard(state: State, ids: Collection[Offset]) -> list[DeadLetterEvent]:
    """The events that give up those of `ids` that wait."""
    return [DeadLettersDiscarded(store, mine) for store, mine in by_store(_waiting(state, ids)).items()]


def redriven(
    state: State, ids: Collection[Offset], by: Literal["hand", "weather"], edited: Metric | None = None
) -> list[DeadLetterEvent]:
    """The events after those of `ids` that wait went back into their stores."""
    return [
        DeadLettersRedriven(store, mine, by, edited) for store, mine in by_store(_waiting(state, ids)).items()
    ]


def _waiting(state: State, ids: Iterable[Offset]) -> list[DeadLetter]:
    return [state.dead_letters[each] for each in sorted(ids) if each in state.dead_letters]


def by_store(letters: Iterable[DeadLetter]) -> dict[str, list[Offset]]:
    """The ids of `letters` by store."""
    ids: defaultdict[str, list[Offset]] = defaultdict(list)
    for letter in letters:
        ids[letter.store].append(letter.id)
    return dict(ids)


def kept_time(id_: Offset, letter: MetricDeadLettered, edited: Metric) -> Metric:
    """`edited` with the time of `letter`: on Postgres it is part of the row's identity, and what an attempt
    that nobody heard the end of may have stored is not to be there twice.

    Another time is taken only where it was what the store refused: a number out of range. Raises
    LetterTimeError.
    """
    own = metric_time(letter.metric, letter.accepted_at)
    if edited.time is None:
        return replace(edited, time=letter.metric.time)
    if edited.time != own and letter.cause != OUT_OF_RANGE:
        raise LetterTimeError(id_, own)
    return edited


def matching(state: State, which: LetterFilter) -> list[DeadLetter]:
    """The letters that wait and match `which`, oldest first."""
    waiting = state.dead_letters
    among = waiting.values()
    if which.ids is not None:
        among = [waiting[each] for each in map(Offset, sorted(set(which.ids))) if each in waiting]
    return [letter for letter in among if _matches(letter, which)]


def _matches(letter: DeadLetter, which: LetterFilter) -> bool:
    return (
        which.store in (None, letter.store)
        and which.cause in (None, letter.cause)
        and (which.name is None or which.name[:MAX_TEXT] == letter.name)
        and (which.source is None or which.source[:MAX_TEXT] == letter.source)
        and (which.after is None or letter.accepted_at >= which.after)
        and (which.before is None or letter.accepted_at < which.before)
    )


def for_weather(state: State, store: str) -> list[Offset]:
    """The ids of the letters of `store` that nothing is known to be wrong with."""
    return [each.id for each in state.dead_letters.values() if each.weather and each.store == store]
