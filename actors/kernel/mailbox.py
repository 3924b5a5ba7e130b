"""A bounded mailbox: a deque and a wake-up.

It outlives the incarnations of its actor. Of the messages in it, some are `in_hand`, given to the actor
and not yet dealt with; some are `suspects`, left over from a batch that the actor died on, to be
redelivered one at a time so that a second death shows which one kills; the others are `waiting`.
All of it belongs to one event loop and is not thread-safe.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from .question import Question, is_answered, is_bound
from .signals import Signal, Terminated

M = TypeVar("M")

Overflow: TypeAlias = Literal["wait", "reject", "drop-oldest"]


class MailboxFull(Exception):
    """The mailbox holds as many messages as it may: send later, or declare a larger capacity."""

    def __init__(self, path: str, capacity: int) -> None:
        self.path = path
        super().__init__(f"{path}: the mailbox is full ({capacity} messages wait); try again later")


class ActorStopped(Exception):
    """The actor takes no more messages: it is stopping, has ended, or is a worker and has no mailbox."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"{path}: takes no messages; it is stopping, has ended, or never had a mailbox")


class Mailbox(Generic[M]):
    """The messages and signals of one actor, and who waits for room or for them."""

    __slots__ = (
        "capacity",
        "closed",
        "dropped",
        "in_hand",
        "limit",
        "loop",
        "on_trial",
        "overflow",
        "path",
        "processed",
        "senders",
        "signals",
        "sleeper",
        "suspects",
        "terminated",
        "waiting",
        "watchers",
    )

    def __init__(self, path: str, capacity: int, overflow: Overflow) -> None:
        self.path = path
        self.capacity = capacity
        self.overflow: Overflow = overflow
        self.waiting: deque[M] = deque()
        self.suspects: deque[M] = deque()
        self.in_hand: list[M] = []
        self.on_trial = False
        # The capacity, or 0 while closed or while the actor sleeps: the fast path, in ActorRef, makes one
        # comparison and leaves every other case to `put`.
        self.limit = capacity
        self.closed = False
        self.loop: asyncio.AbstractEventLoop | None = None
        self.sleeper: asyncio.Future[None] | None = None
        # Who waits for room: the future to complete (a teller's own, an asker's reply) and the message.
        self.senders: dict[asyncio.Future[Any], M] = {}
        self.signals: deque[Signal] = deque()
        self.watchers: set[Mailbox[Any]] = set()
        self.terminated: Terminated | None = None
        self.processed = 0
        self.dropped = 0

    def put(self, message: M) -> bool:
        """Whether `message` was put in; False if the mailbox is full and drops nothing.

        Raises ActorStopped.
        """
        if len(self.waiting) >= self.limit:
            if self.closed:
                raise ActorStopped(self.path)
            self.wake()
            if len(self.waiting) >= self.capacity:
                if self.overflow != "drop-oldest":
                    return False
                self._drop()
        self.waiting.append(message)
        return True

    def _drop(self) -> None:
        oldest = self.waiting.popleft()
        self.dropped += 1
        if isinstance(oldest, Question):
            oldest.fail(MailboxFull(self.path, self.capacity))

    def put_in_turn(self, message: M, sender: asyncio.Future[Any]) -> bool:
        """Whether `message` was put in; False if `sender` now waits for room.

        Raises ActorStopped, and MailboxFull where the policy is "reject".
        """
        if self.put(message):
            return True
        if self.overflow == "reject":
            raise MailboxFull(self.path, self.capacity)
        self.senders[sender] = message
        return False

    def put_beyond(self, message: M) -> None:
        """Put `message` in however full the mailbox is; drop it if that is closed."""
        if not self.closed:
            self.waiting.append(message)
            self.wake()

    async def room_for(self, message: M) -> None:
        """Return when `message` is in, in turn. If cancelled, the message may have been put in or not."""
        admitted: asyncio.Future[None] = self.future()
        if self.put_in_turn(message, admitted):
            return
        try:
            await admitted
        finally:
            self.senders.pop(admitted, None)

    def future(self) -> asyncio.Future[Any]:
        """A future of the event loop that this mailbox belongs to."""
        # Looked up once: Python 3.11 makes a system call of every get_running_loop (a check for forks).
        if self.loop is None:
            self.loop = asyncio.get_running_loop()
        return self.loop.create_future()

    def signal(self, signal: Signal) -> None:
        """Deliver `signal` before any further message."""
        self.signals.append(signal)
        self.wake()

    def wake(self) -> None:
        """Make `arrival` return."""
        sleeper = self.sleeper
        if sleeper is not None:
            self._up()
            if not sleeper.done():
                sleeper.set_result(None)

    async def arrival(self) -> None:
        """Return after the next `wake`."""
        self.sleeper = sleeper = self.future()
        self.limit = 0
        try:
            await sleeper
        except asyncio.CancelledError:
            self._up()
            raise

    def _up(self) -> None:
        self.sleeper = None
        self.limit = 0 if self.closed else self.capacity

    def take(self, most: int) -> list[M]:
        """Up to `most` messages, now in hand; one if they are suspects; none if there are none."""
        if self.suspects:
            self.on_trial = True
            self.in_hand = [self.suspects.popleft()]
        elif self.waiting:
            waiting = self.waiting
            if len(waiting) <= most:
                self.in_hand = list(waiting)
                waiting.clear()
            else:
                self.in_hand = [waiting.popleft() for _ in range(most)]
            if self.senders:
                self._admit()
        return self.in_hand

    def _admit(self) -> None:
        """Let in, in turn, those who wait, as far as there is room."""
        while self.senders and len(self.waiting) < self.limit:
            sender = next(iter(self.senders))
            message = self.senders.pop(sender)
            if sender.done():
                continue
            self.waiting.append(message)
            # An asker's future is for the reply, not for the news that its question is in.
            if not is_bound(message, sender):
                sender.set_result(None)

    def settle(self) -> None:
        """The messages in hand were dealt with."""
        self.processed += len(self.in_hand)
        self.in_hand = []
        self.on_trial = False

    def suspect(self) -> M | None:
        """The actor died: keep what is in hand for redelivery, but hand out, as a dead letter, a message
        that was on trial. A question that has been answered is done with."""
        open_ = [message for message in self.in_hand if not is_answered(message)]
        on_trial, self.on_trial, self.in_hand = self.on_trial, False, []
        if on_trial:
            return open_[0] if open_ else None
        self.suspects.extend(open_)
        return None

    def put_back(self) -> None:
        """The actor was cancelled with messages in hand: they are again the first to be delivered."""
        (self.suspects if self.on_trial else self.waiting).extendleft(reversed(self.in_hand))
        self.in_hand = []
        self.on_trial = False

    @property
    def depth(self) -> int:
        """How many messages are not yet in the actor's hand."""
        return len(self.waiting) + len(self.suspects)

    def close(self) -> None:
        """Take no more messages; who waits for room is told so."""
        self.closed = True
        self.limit = 0
        for sender in self.senders:
            if not sender.done():
                sender.set_exception(ActorStopped(self.path))
        self.senders.clear()

    def reopen(self) -> None:
        """Take messages again."""
        self.closed = False
        self.limit = self.capacity
        self.terminated = None

    def terminate(self, terminated: Terminated) -> int:
        """Close, fail the questions that are left, tell the watchers; returns how many messages were left."""
        self.close()
        self.put_back()
        left = [*self.suspects, *self.waiting]
        self.suspects.clear()
        self.waiting.clear()
        self.signals.clear()
        for message in left:
            if isinstance(message, Question):
                message.fail(ActorStopped(self.path))
        self.terminated = terminated
        for watcher in self.watchers:
            watcher.signal(terminated)
        self.watchers.clear()
        return len(left)
