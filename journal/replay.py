"""Fold events into a State: live, in recovery and in time travel, by the same function."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from msgspec.structs import replace

from journal.dead_letters import DeadLetterEvent, evolve_buried, evolve_dead_letters
from journal.events import (
    ActorCrashed,
    ActorRestarted,
    Appendable,
    BreakerMoved,
    CursorAdvanced,
    JournalClosed,
    JournalOpened,
    MessageDeadLettered,
    MetricDeadLettered,
    MetricsAccepted,
    MetricsAsSent,
    OffsetsLost,
    PackedMetrics,
    SegmentsRetired,
    Snapshot,
    SupervisorEscalated,
    offsets_of,
    width,
)
from journal.flags import FlagChanged, FlagEvent, FlagOverridden, evolve_flags
from journal.framing import Record
from journal.metric import Nanoseconds, Offset
from journal.state import ActorState, BreakerState, CursorState, LostRange, State

_Foldable: TypeAlias = (
    JournalOpened
    | JournalClosed
    | CursorAdvanced
    | BreakerMoved
    | ActorCrashed
    | ActorRestarted
    | SupervisorEscalated
    | MessageDeadLettered
    | SegmentsRetired
    | DeadLetterEvent
    | FlagEvent
)


def evolve(state: State, event: Appendable, time: Nanoseconds, offset: Offset) -> State:
    """The state after `event`, which was written at `time` and `offset`."""
    match event:
        case MetricsAccepted() | PackedMetrics() | MetricsAsSent():
            return evolve_plain(state, width(event))
        case Snapshot():
            # It repeats what the events before it folded to; where those are gone it stands for them.
            return replace(event.state, events=event.state.events + 1)
        case OffsetsLost():
            return _evolve_lost(state, event, offset)
        case _:
            return replace(_evolve_control(state, event, time, offset), events=state.events + 1)


def evolve_all(state: State, events: Iterable[tuple[Offset, Appendable]], time: Nanoseconds) -> State:
    """The state after `events`, each with its offset, all written at `time`; dead letters in a row fold as
    one, which spares a copy of all that wait for each of them."""
    buried: list[tuple[Offset, MetricDeadLettered]] = []

    def with_buried() -> State:
        return replace(evolve_buried(state, buried, time), events=state.events + len(buried))

    for offset, event in events:
        if isinstance(event, MetricDeadLettered):
            buried.append((offset, event))
            continue
        if buried:
            state = with_buried()
            buried.clear()
        state = evolve(state, event, time, offset)
    return with_buried() if buried else state


def evolve_plain(state: State, accepted: int) -> State:
    """The state after `accepted` more metrics."""
    return replace(state, accepted=state.accepted + accepted)


def _evolve_lost(state: State, event: OffsetsLost, offset: Offset) -> State:
    """What was lost was accepted, or noted: it counts as such."""
    lost = LostRange(offset, Offset(offset + event.count), event.metrics, event.exact)
    return replace(
        state,
        accepted=state.accepted + event.metrics,
        events=state.events + event.count - event.metrics,
        lost=(*state.lost, lost),
        lost_metrics=state.lost_metrics + event.metrics,
    )


def _evolve_control(state: State, event: _Foldable, time: Nanoseconds, offset: Offset) -> State:
    match event:
        case JournalOpened():
            return replace(state, opened_at=time, clean=False)
        case JournalClosed():
            return replace(state, clean=True)
        case CursorAdvanced(store=store):
            cursor = CursorState(event.offset, event.persisted, event.dead_lettered, event.lost)
            return replace(state, cursors={**state.cursors, store: cursor})
        case BreakerMoved(store=store):
            breaker = BreakerState(event.state, time, event.failures, event.error, event.probe_at, event.by)
            return replace(state, breakers={**state.breakers, store: breaker})
        case ActorCrashed(path=path, error=error):
            actor = state.actors.get(path, ActorState())
            crashed = replace(actor, crashes=actor.crashes + 1, last_error=error, last_crash_at=time)
            return replace(state, actors={**state.actors, path: crashed})
        case ActorRestarted(path=path):
            actor = state.actors.get(path, ActorState())
            restarted = replace(actor, restarts=actor.restarts + 1)
            return replace(state, actors={**state.actors, path: restarted})
        case SegmentsRetired(begins_at=begins_at):
            lost = tuple(each for each in state.lost if each.end > begins_at)
            return replace(state, retired_before=begins_at, lost=lost)
        case FlagChanged() | FlagOverridden():
            return replace(state, flags=evolve_flags(state.flags, event, time))
        case SupervisorEscalated() | MessageDeadLettered():
            return state
        case _:
            return evolve_dead_letters(state, event, time, offset)


def fold(state: State, records: Iterable[Record]) -> State:
    """The state after `records`. A plain record is counted, not decoded. Raises UnknownEventError."""
    for record in records:
        if record.plain:
            state = evolve_plain(state, record.count)
        else:
            state = evolve_all(state, offsets_of(record.events(), record.base), record.time)
    return state
