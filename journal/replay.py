"""Fold events into a State: live, in recovery and in time travel, by the same function."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from msgspec.structs import replace

from journal.events import (
    ActorCrashed,
    ActorRestarted,
    ActorState,
    Appendable,
    CursorAdvanced,
    CursorState,
    JournalClosed,
    JournalOpened,
    MessageDeadLettered,
    MetricsAccepted,
    MetricsAsSent,
    Nanoseconds,
    PackedMetrics,
    SegmentsRetired,
    Snapshot,
    State,
    SupervisorEscalated,
    width,
)
from journal.framing import Record


def evolve(state: State, event: Appendable, time: Nanoseconds) -> State:
    """The state after `event`, which was written at `time`."""
    match event:
        case MetricsAccepted() | PackedMetrics() | MetricsAsSent():
            return evolve_plain(state, width(event))
        case Snapshot():
            # It repeats what the events before it folded to; where those are gone it stands for them.
            return replace(event.state, events=event.state.events + 1)
        case _:
            return replace(_evolve_control(state, event, time), events=state.events + 1)


def evolve_plain(state: State, accepted: int) -> State:
    """The state after `accepted` more metrics."""
    return replace(state, accepted=state.accepted + accepted)


def _evolve_control(
    state: State,
    event: JournalOpened
    | JournalClosed
    | CursorAdvanced
    | ActorCrashed
    | ActorRestarted
    | SupervisorEscalated
    | MessageDeadLettered
    | SegmentsRetired,
    time: Nanoseconds,
) -> State:
    match event:
        case JournalOpened():
            return replace(state, opened_at=time, clean=False)
        case JournalClosed():
            return replace(state, clean=True)
        case CursorAdvanced(store=store, offset=offset, persisted=persisted):
            return replace(state, cursors={**state.cursors, store: CursorState(offset, persisted)})
        case ActorCrashed(path=path, error=error):
            actor = state.actors.get(path, ActorState())
            crashed = replace(actor, crashes=actor.crashes + 1, last_error=error, last_crash_at=time)
            return replace(state, actors={**state.actors, path: crashed})
        case ActorRestarted(path=path):
            actor = state.actors.get(path, ActorState())
            restarted = replace(actor, restarts=actor.restarts + 1)
            return replace(state, actors={**state.actors, path: restarted})
        case SegmentsRetired(begins_at=begins_at):
            return replace(state, retired_before=begins_at)
        case SupervisorEscalated() | MessageDeadLettered():
            return state
        case _:
            assert_never(event)


def fold(state: State, records: Iterable[Record]) -> State:
    """The state after `records`. A plain record is counted, not decoded. Raises UnknownEventError."""
    for record in records:
        if record.plain:
            state = evolve_plain(state, record.count)
        else:
            for event in record.events():
                state = evolve(state, event, record.time)
    return state
