"""What one writes: actors, which have a mailbox, and workers, which have a life of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from .clock import Clock, Handle, Random
from .mailbox import Mailbox
from .ref import ActorRef, mailbox_of
from .signals import Signal

M = TypeVar("M")


class NoSuchActor(LookupError):
    """Nobody in the tree has this path."""

    def __init__(self, path: str, known: Sequence[str]) -> None:
        super().__init__(f"no actor at {path!r}; there are {', '.join(known)}")


class Timer:
    """A message to oneself that is due later."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._handle: Handle | None = None

    def cancel(self) -> None:
        """Make sure that no further message is put into the mailbox."""
        self._context.forget(self)
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def arm(self, delay: float, callback: Callable[[], object]) -> None:
        """Call `callback` after `delay` seconds."""
        self._handle = self._context.clock.call_later(delay, callback)


class Context:
    """What an actor or worker knows of the system that it lives in. One for each incarnation."""

    def __init__(
        self,
        mailbox: Mailbox[Any],
        refs: Mapping[str, ActorRef[Any]],
        clock: Clock,
        random: Random,
        request_stop: Callable[[], None],
    ) -> None:
        self.path = mailbox.path
        self.clock = clock
        self.random = random
        self._mailbox = mailbox
        self._refs = refs
        self._request_stop = request_stop
        self._timers: set[Timer] = set()
        self._watched: set[Mailbox[Any]] = set()

    @property
    def self_ref(self) -> ActorRef[Any]:
        """The actor's own address."""
        return self._refs[self.path]

    def ref(self, path: str) -> ActorRef[Any]:
        """The address of the actor at `path`, relative to the root. Raises NoSuchActor."""
        return find(self._refs, path)

    def stop(self) -> None:
        """End of one's own accord once the batch in hand is dealt with: a permanent child is restarted and
        keeps its mail, others are not."""
        self._request_stop()

    def watch(self, ref: ActorRef[Any]) -> None:
        """Have `signalled` called with Terminated when that actor ends for good; soon, if it has already.

        A watch lasts until `unwatch`, or until this actor itself ends or is restarted.
        """
        other = mailbox_of(ref)
        if other.terminated is not None:
            self._mailbox.signal(other.terminated)
            return
        other.watchers.add(self._mailbox)
        self._watched.add(other)

    def unwatch(self, ref: ActorRef[Any]) -> None:
        """Watch `ref` no longer. A signal that is already on its way still comes."""
        other = mailbox_of(ref)
        other.watchers.discard(self._mailbox)
        self._watched.discard(other)

    def after(self, delay_seconds: float, message: object) -> Timer:
        """Put `message` into the own mailbox after `delay_seconds`, even if that is full by then.

        A timer ends with this incarnation, by stop or crash. Arm it in `started` to have it again after a
        restart. What it has put into the mailbox stays there.
        """
        timer = Timer(self)

        def due() -> None:
            self._timers.discard(timer)
            self._mailbox.put_beyond(message)

        timer.arm(delay_seconds, due)
        self._timers.add(timer)
        return timer

    def every(self, period: float, message: object) -> Timer:
        """Put `message` into the own mailbox every `period` seconds, first after one period.

        Beats that find the mailbox full, or that the event loop was too late for, are left out. Ends as
        `after` does.
        """
        timer = Timer(self)
        due_at = self.clock.monotonic() + period

        def due() -> None:
            nonlocal due_at
            now = self.clock.monotonic()
            due_at += max(1, (now - due_at) // period + 1) * period
            timer.arm(due_at - now, due)
            if len(self._mailbox.waiting) < self._mailbox.capacity:
                self._mailbox.put_beyond(message)

        timer.arm(period, due)
        self._timers.add(timer)
        return timer

    def forget(self, timer: Timer) -> None:
        """No longer hold `timer`; it has been cancelled."""
        self._timers.discard(timer)

    def end(self) -> None:
        """Cancel the timers and watches of this incarnation."""
        for timer in list(self._timers):
            timer.cancel()
        for other in self._watched:
            other.watchers.discard(self._mailbox)
        self._watched.clear()


def find(refs: Mapping[str, ActorRef[Any]], path: str) -> ActorRef[Any]:
    """The address at `path`. Raises NoSuchActor."""
    try:
        return refs[path]
    except KeyError:
        raise NoSuchActor(path, sorted(refs)) from None


class _Child:
    """What actors and workers have in common. `context` is there from `started` on."""

    context: Context

    async def started(self) -> None:
        """Called once before anything else. Those that start later in the tree wait for it."""

    async def stopped(self) -> None:
        """Clean up. Called last in every incarnation, after a stop, a crash (one of `started` as well) or a
        cancellation; cancelled in its turn after the child's shutdown time-out."""


class Actor(_Child, Generic[M]):
    """State of its own and a mailbox, dealt with one batch at a time: nothing else runs in an actor while
    it awaits. An exception that leaves one of its methods is a crash, and its supervisor's business."""

    async def receive(self, messages: Sequence[M]) -> None:
        """Deal with everything that waits, up to `max_batch` messages, oldest first. Never called empty.

        If this raises, the next incarnation gets `messages` once more, one at a time, the questions that
        were answered left out; a message that kills again is dead-lettered.
        """
        raise NotImplementedError

    async def signalled(self, signal: Signal) -> None:
        """Take notice of `signal`. By default nothing happens."""


class OneAtATime(Actor[M]):
    """An actor that is given its messages one by one."""

    async def receive(self, messages: Sequence[M]) -> None:
        """See Actor; every batch is of one message."""
        for message in messages:
            await self.receive_one(message)

    async def receive_one(self, message: M) -> None:
        """Deal with `message`. If this raises, the next incarnation gets it once more."""
        raise NotImplementedError


class Worker(_Child):
    """A supervised child without a mailbox: a server, a signal listener."""

    async def run(self) -> None:
        """Work until asked to stop. Returning is no failure; still, a permanent worker is restarted."""
        raise NotImplementedError

    def request_stop(self) -> None:
        """Make `run` return soon. Once the shutdown time-out is over, the worker is cancelled."""
