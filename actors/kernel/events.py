"""What the kernel reports to `observe`, so that the owner of the tree can log and journal it."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec


class ActorStarted(msgspec.Struct, frozen=True):
    """A child's `started` has completed; a supervisor's, when all of its children's have."""

    path: str


class ActorCrashed(msgspec.Struct, frozen=True):
    """A child raised `error`; `traceback` is text."""

    path: str
    error: Exception
    traceback: str


class ActorRestarted(msgspec.Struct, frozen=True):
    """A child runs again, `delay` seconds after itself or a sibling crashed; `restarts` times so far."""

    path: str
    delay: float
    restarts: int


class ActorEnded(msgspec.Struct, frozen=True):
    """A child has ended and will not be restarted; `error` is what it died of, None if it did not."""

    path: str
    error: Exception | None


class SupervisorEscalated(msgspec.Struct, frozen=True):
    """A supervisor gave up: more restarts within its period than its intensity. `error` was the last."""

    path: str
    error: Exception | None


class MessageDeadLettered(msgspec.Struct, frozen=True):
    """`message` killed the actor, was redelivered alone, killed it again, and was taken from the mailbox."""

    path: str
    message: Any
    error: Exception
    traceback: str


class MessagesLeft(msgspec.Struct, frozen=True):
    """An actor ended with `count` messages that it had not dealt with; the questions among them failed."""

    path: str
    count: int


KernelEvent: TypeAlias = (
    ActorStarted
    | ActorCrashed
    | ActorRestarted
    | ActorEnded
    | SupervisorEscalated
    | MessageDeadLettered
    | MessagesLeft
)
