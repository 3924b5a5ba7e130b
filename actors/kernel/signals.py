"""What the kernel tells an actor, beside its messages. Signals overtake messages."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Terminated(msgspec.Struct, frozen=True):
    """A watched actor has ended for good; `error` is what it died of, None if it was stopped or left by
    itself. An actor that its supervisor restarts has not ended."""

    path: str
    error: Exception | None


class Stopping(msgspec.Struct, frozen=True):
    """The actor is about to be stopped, for good or to be restarted with its siblings."""


Signal: TypeAlias = Terminated | Stopping
