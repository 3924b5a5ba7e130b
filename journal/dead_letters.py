"""How the events of the dead-letter queue fold: what waits, what became of the rest, what is mirrored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias, assert_never

from msgspec.structs import replace

from journal.events import (
    DeadLetterRetried,
    DeadLettersDiscarded,
    DeadLettersExpired,
    DeadLettersMirrored,
    DeadLettersRedriven,
    MetricDeadLettered,
)
from journal.metric import Nanoseconds, Offset
from journal.state import DeadLetter, DeadLetterCount, State

DeadLetterEvent: TypeAlias = (
    MetricDeadLettered
    | DeadLetterRetried
    | DeadLettersRedriven
    | DeadLettersDiscarded
    | DeadLettersExpired
    | DeadLettersMirrored
)

MAX_ERROR = 500
"""Characters of an error that stay in memory; all of it is in the event."""

MAX_TEXT = 255
"""Characters of a name or source that stay in memory, and head every segment; all of it is in the event."""


def evolve_dead_letters(state: State, event: DeadLetterEvent, time: Nanoseconds, offset: Offset) -> State:
    """The state after `event`, which was written at `time` and `offset` of the queue's journal."""
    match event:
        case MetricDeadLettered():
            return evolve_buried(state, [(offset, event)], time)
        case DeadLetterRetried():
            return replace(state, dead_letters=_retried(state, event, time))
        case DeadLettersRedriven(store=store, ids=ids):
            return _without(state, store, ids, "redriven")
        case DeadLettersDiscarded(store=store, ids=ids):
            return _without(state, store, ids, "discarded")
        case DeadLettersExpired(store=store, ids=ids):
            return _without(state, store, ids, "expired")
        case DeadLettersMirrored(store=store, before=before):
            return replace(state, mirrored={**state.mirrored, store: before})
        case _:
            assert_never(event)


def evolve_buried(
    state: State, buried: Iterable[tuple[Offset, MetricDeadLettered]], time: Nanoseconds
) -> State:
    """The state after the events `buried`, each with its offset: all at once, since a copy of all that wait
    for each letter would cost as many times more as there are letters."""
    waiting = dict(state.dead_letters)
    for offset, event in buried:
        waiting[offset] = _letter(event, time, offset)
        state = _counted(state, event.store, buried=1)
    return replace(state, dead_letters=waiting)


def _letter(event: MetricDeadLettered, time: Nanoseconds, offset: Offset) -> DeadLetter:
    return DeadLetter(
        id=offset,
        store=event.store,
        offset=event.offset,
        accepted_at=event.accepted_at,
        name=event.metric.name[:MAX_TEXT],
        source=event.metric.source[:MAX_TEXT],
        cause=event.cause,
        error=event.error[:MAX_ERROR],
        attempts=event.attempts,
        first_failed_at=event.first_failed_at or time,
        last_failed_at=time,
        weather=event.weather,
    )


def _retried(state: State, event: DeadLetterRetried, time: Nanoseconds) -> dict[Offset, DeadLetter]:
    letter = state.dead_letters.get(event.id)
    if letter is None or event.edited is not None:
        return state.dead_letters
    retried = replace(
        letter,
        cause=event.cause,
        error=event.error[:MAX_ERROR],
        attempts=letter.attempts + 1,
        last_failed_at=time,
        weather=event.weather,
    )
    return {**state.dead_letters, event.id: retried}


def _without(state: State, store: str, ids: list[Offset], how: str) -> State:
    left = dict(state.dead_letters)
    gone = sum(left.pop(each, None) is not None for each in ids)
    return replace(_counted(state, store, **{how: gone}), dead_letters=left)


def _counted(state: State, store: str, **more: int) -> State:
    count = state.dead_letter_counts.get(store, DeadLetterCount())
    added = replace(count, **{how: getattr(count, how) + number for how, number in more.items()})
    return replace(state, dead_letter_counts={**state.dead_letter_counts, store: added})
