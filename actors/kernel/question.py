"""Messages that want a reply."""

from __future__ import annotations

import asyncio
from typing import Any, Generic, TypeVar

import msgspec

R = TypeVar("R")


class AskTimeout(TimeoutError):
    """No reply came within the deadline. The question may still be waiting, or being worked on."""

    def __init__(self, path: str, question: str, timeout: float) -> None:
        self.path = path
        super().__init__(
            f"{path}: no reply to {question} within {timeout:g} s; the actor is busy, stuck or restarting"
        )


class AlreadyAsked(Exception):
    """The same Question object was asked again while its first asker waits: make a new one for each `ask`."""

    def __init__(self, path: str, question: str) -> None:
        super().__init__(f"{path}: this {question} is being asked already; ask with a new {question}")


class Question(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """Base of messages that are asked and answered with an R.

    An actor answers whether it was asked or merely told: without an asker, or when the asker has gone,
    `reply` and `fail` do nothing. Only the first answer counts.
    """

    _asker: asyncio.Future[Any] | None = None

    def reply(self, value: R) -> None:
        """Hand `value` to the asker."""
        asker = self._asker
        if asker is not None and not asker.done():
            asker.set_result(value)

    def fail(self, error: Exception) -> None:
        """Raise `error` where the question was asked."""
        asker = self._asker
        if asker is not None and not asker.done():
            asker.set_exception(error)


def bind(question: Question[Any], asker: asyncio.Future[Any], path: str) -> None:
    """Have `question` answer to `asker`. Raises AlreadyAsked while an earlier asker still waits."""
    earlier = question._asker  # pyright: ignore[reportPrivateUsage]
    if earlier is not None and not earlier.done():
        raise AlreadyAsked(path, type(question).__name__)
    # Frozen towards everybody else: a message belongs to its receiver once it was sent.
    msgspec.structs.force_setattr(question, "_asker", asker)


def is_answered(message: object) -> bool:
    """Whether `message` is a question whose asker was given a reply or a failure in time."""
    asker = message._asker if isinstance(message, Question) else None  # pyright: ignore[reportPrivateUsage]
    if asker is None or not asker.done() or asker.cancelled():
        return False
    return not isinstance(asker.exception(), AskTimeout)


def is_bound(message: object, asker: asyncio.Future[Any]) -> bool:
    """Whether `message` is a question that answers to `asker`."""
    return isinstance(message, Question) and message._asker is asker  # pyright: ignore[reportPrivateUsage]
