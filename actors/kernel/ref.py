"""The address of an actor: how messages reach it."""

from __future__ import annotations

import asyncio
from typing import Any, Generic, TypeVar

from .deadlines import Deadlines
from .mailbox import Mailbox
from .question import Question, bind

M = TypeVar("M")
R = TypeVar("R")


class ActorRef(Generic[M]):
    """The stable address of an actor: the same before its start and across its restarts.

    To be used on the event loop of its system only; not thread-safe. Messages of one sender arrive in
    the order in which they were sent.
    """

    __slots__ = ("_deadlines", "_mailbox")

    def __init__(self, mailbox: Mailbox[M], deadlines: Deadlines) -> None:
        self._mailbox = mailbox
        self._deadlines = deadlines

    def __repr__(self) -> str:
        return f"<ActorRef {self.path}>"

    @property
    def path(self) -> str:
        """Where the actor stands in the tree, relative to the root: `stores/sqlite`."""
        return self._mailbox.path

    @property
    def depth(self) -> int:
        """How many messages wait."""
        return self._mailbox.depth

    @property
    def capacity(self) -> int:
        """How many messages may wait."""
        return self._mailbox.capacity

    async def tell(self, message: M) -> None:
        """Put `message` into the mailbox; where it is full, do as its overflow policy says.

        Does not give way to other tasks while there is room. If cancelled while waiting for room, the
        message may have been put in or not. Raises ActorStopped, and MailboxFull where the policy is
        "reject".
        """
        mailbox = self._mailbox
        waiting = mailbox.waiting
        if len(waiting) < mailbox.limit:
            waiting.append(message)
        else:
            await mailbox.room_for(message)

    def try_tell(self, message: M) -> bool:
        """Whether `message` is in the mailbox now; False if that is full and drops nothing. Never waits.

        Raises ActorStopped.
        """
        return self._mailbox.put(message)

    async def ask(self, question: Question[R], timeout: float) -> R:  # noqa: ASYNC109 — the injected clock counts it
        """The reply to `question`, within `timeout` seconds, time spent waiting for room included.

        Raises AskTimeout; ActorStopped if the actor ends before it has replied; MessageAbandoned if the
        question killed it twice; MailboxFull where the policy is "reject" or the question was the oldest
        dropped; and whatever the actor failed the question with.
        """
        mailbox: Mailbox[Any] = self._mailbox
        reply: asyncio.Future[R] = mailbox.future()
        bind(question, reply, mailbox.path)
        try:
            mailbox.put_in_turn(question, reply)
        except BaseException:
            reply.cancel()
            raise
        expiring = self._deadlines.add(reply, mailbox.path, question, timeout)
        try:
            return await reply
        finally:
            expiring.pop(reply, None)
            if mailbox.senders:
                mailbox.senders.pop(reply, None)

    def _box(self) -> Mailbox[M]:
        return self._mailbox


def mailbox_of(ref: ActorRef[M]) -> Mailbox[M]:
    """The mailbox behind `ref`."""
    return ref._box()  # pyright: ignore[reportPrivateUsage]
