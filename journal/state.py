"""What a journal folds to: see journal.replay for how."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from journal.flags import FlagState
from journal.metric import MAX_INT64, Nanoseconds, Offset

MovedBy: TypeAlias = Literal["", "hand"]
"""Who moved a breaker: it itself, or a person."""

BreakerPosition: TypeAlias = Literal["closed", "open", "half-open"]

LetterStatus: TypeAlias = Literal["pending", "redriven", "discarded", "expired"]
"""Pending in the queue, or how it left."""


class CursorState(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a store is: every metric before `offset`, `persisted` of them since the journal began, the
    others dead letters, or `lost` with a damage of the journal before the store was given them."""

    offset: Offset
    persisted: int
    dead_lettered: int = 0
    lost: int = 0


class BreakerState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A store's circuit breaker: where it stands `since` when, after how many `failures` in a row, the last
    of them `error`; `probe_at` is when an open one lets a probe through, unless a person opened it: that one
    stays open until a person closes it."""

    position: BreakerPosition = "closed"
    since: Nanoseconds = 0
    failures: int = 0
    error: str = ""
    probe_at: Nanoseconds = 0
    by: MovedBy = ""


class DeadLetter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A metric that waits in the dead-letter queue, without its payload: that is in the event at `id` of the
    queue's journal. `offset` and `accepted_at` are those of the metric in the main journal."""

    id: Offset
    store: str
    offset: Offset
    accepted_at: Nanoseconds
    name: str
    source: str
    cause: str
    error: str
    attempts: int
    first_failed_at: Nanoseconds
    last_failed_at: Nanoseconds
    weather: bool = False


class DeadLetterCount(msgspec.Struct, frozen=True, omit_defaults=True):
    """Dead letters of a store since the journal began, by how they left; what is left is pending."""

    buried: int = 0
    redriven: int = 0
    discarded: int = 0
    expired: int = 0

    @property
    def missing(self) -> int:
        """Metrics that the store does not hold for being, or having been, dead letters."""
        return self.buried - self.redriven


class ActorState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the journal knows of an actor: restarts since the journal began, and its last crash."""

    restarts: int = 0
    crashes: int = 0
    last_error: str = ""
    last_crash_at: Nanoseconds = 0


class LostRange(msgspec.Struct, frozen=True, omit_defaults=True):
    """Offsets `[first, end)` that `journal repair` gave up; `metrics` of them were metrics, about that many
    unless `exact`."""

    first: Offset
    end: Offset
    metrics: int
    exact: bool = True


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fold of a journal up to an offset. Small however long the journal: it heads every segment."""

    accepted: int = 0
    """Metrics since the journal began."""
    events: int = 0
    """Control events since the journal began."""
    cursors: dict[str, CursorState] = {}
    actors: dict[str, ActorState] = {}
    opened_at: Nanoseconds = 0
    clean: bool = True
    """The last process to write closed the journal in good order."""
    retired_before: Annotated[Offset, Meta(ge=0, le=MAX_INT64)] = Offset(0)
    breakers: dict[str, BreakerState] = {}
    dead_letters: dict[Offset, DeadLetter] = {}
    """Those that wait, by their id, oldest first; in the queue's own journal alone."""
    dead_letter_counts: dict[str, DeadLetterCount] = {}
    mirrored: dict[str, Offset] = {}
    """Up to where of the queue's journal each store's table of dead letters is."""
    flags: dict[str, FlagState] = {}
    """What was decided about feature flags, those of which nothing was left out."""
    lost: tuple[LostRange, ...] = ()
    """What damages took of what is not retired yet, ascending."""
    lost_metrics: int = 0
    """Metrics among all that damages ever took, retired ones too; part of `accepted`."""
