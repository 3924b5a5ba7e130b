"""EDGE: one place in the tree, and the incarnations that live in it.

A Cell stays while what lives in it comes and goes; it runs in the task group of its supervisor. The
supervisor is the only caller of `prepare`, `live`, `request_stop` and `terminate`.
"""

from __future__ import annotations

import asyncio
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec
from anyio import CancelScope, Event

from .actor import Actor, Context, OneAtATime, Worker
from .clock import Clock, Random, cut_off
from .deadlines import Deadlines
from .events import (
    ActorCrashed,
    ActorEnded,
    ActorRestarted,
    ActorStarted,
    KernelEvent,
    MessageDeadLettered,
    MessagesLeft,
)
from .mailbox import Mailbox
from .question import Question
from .ref import ActorRef
from .signals import Stopping, Terminated
from .supervision import ChildSpec, RestartKind

CellState: TypeAlias = Literal["starting", "running", "restarting", "stopping", "stopped", "failed"]
CellKind: TypeAlias = Literal["supervisor", "actor", "worker"]


class MessageAbandoned(Exception):
    """The question killed the actor twice and was dead-lettered; `error` is what the actor died of."""

    def __init__(self, path: str, error: Exception) -> None:
        self.path = path
        self.error = error
        super().__init__(f"{path}: gave up the question, which killed it twice with {error!r}")


class CleanUpTimeout(Exception):
    """A child's `stopped` did not end within its shutdown time-out and was cancelled."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__(f"{path}: stopped() took longer than {timeout:g} s and was cancelled")


class StrayCancellation(Exception):
    """A CancelledError left a child that nobody had cancelled; something that it awaited was."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: CancelledError out of something awaited, though nobody stopped the actor")


class ActorInfo(msgspec.Struct, frozen=True):
    """One place of the tree at a glance; `mailbox` messages wait of at most `capacity`."""

    id: str
    path: str
    kind: CellKind
    state: CellState
    mailbox: int
    capacity: int
    processed: int
    dropped: int
    restarts: int
    last_error: str | None
    children: tuple[ActorInfo, ...]


class Environment(msgspec.Struct, frozen=True):
    """What all cells of a system share: the ports, who is told of events, and every address."""

    clock: Clock
    random: Random
    deadlines: Deadlines
    observe: Callable[[KernelEvent], None]
    refs: dict[str, ActorRef[Any]]


class Cell(ABC):
    """A place in the tree."""

    kind: CellKind

    def __init__(self, id: str, path: str, restart: RestartKind, shutdown: float, env: Environment) -> None:
        self.id = id
        self.path = path
        self.restart: RestartKind = restart
        self.shutdown = shutdown
        self.env = env
        self.state: CellState = "stopped"
        self.restarts = 0
        self.incarnation = 0
        self.alive = False
        self.started = False
        self.terminated = False
        self.error: Exception | None = None
        self.last_error: str | None = None

    def prepare(self, since: float | None = None) -> None:
        """Make ready for an incarnation, a restart if the last one ended at `since`; `live` must follow."""
        self.incarnation += 1
        self._since = since
        self.state = "starting"
        self.alive = True
        self.started = False
        self.terminated = False
        self.error = None
        self.scope = CancelScope()
        self.settled = Event()
        """Set when the incarnation has started, or has ended without."""
        self.gone = Event()
        """Set when the incarnation has ended."""

    async def live(self, on_exit: Callable[[Cell], None]) -> None:
        """One incarnation from start to end; `on_exit` is called if it had started."""
        try:
            with self.scope:
                await self._incarnation()
        finally:
            self.alive = False
            self.state = "failed" if self.error is not None else "stopped"
            self.settled.set()
            self.gone.set()
            if self.started:
                on_exit(self)

    @abstractmethod
    async def _incarnation(self) -> None:
        """Live until stopped; afterwards `error` says what it died of."""

    @abstractmethod
    def request_stop(self, *, drain: bool) -> None:
        """Have the incarnation end soon: with `drain` for good, dealing with its mail first."""

    @abstractmethod
    def terminate(self, error: Exception | None) -> None:
        """There will be no further incarnation: close mailboxes, tell watchers. Never waits."""

    @abstractmethod
    def info(self) -> ActorInfo:
        """The cell and all below it."""

    def _has_started(self) -> None:
        self.started = True
        if self.state == "starting":
            self.state = "running"
        self.settled.set()
        if self._since is None:
            self.env.observe(ActorStarted(self.path))
        else:
            self.restarts += 1
            delay = self.env.clock.monotonic() - self._since
            self.env.observe(ActorRestarted(self.path, delay, self.restarts))

    def _failed(self, error: Exception) -> str:
        text = "".join(traceback.format_exception(error))
        self.last_error = repr(error)
        self.env.observe(ActorCrashed(self.path, error, text))
        return text


class ActorCell(Cell):
    """The place of an actor or worker. Its mailbox outlives the incarnations."""

    kind: CellKind = "actor"

    def __init__(self, spec: ChildSpec, path: str, env: Environment) -> None:
        super().__init__(spec.id, path, spec.restart, spec.shutdown, env)
        self._spec = spec
        self._mailbox: Mailbox[Any] = Mailbox(path, spec.capacity, spec.overflow)
        self._child: Actor[Any] | Worker | None = None
        self._halting = False
        self._draining = False
        env.refs[path] = ActorRef(self._mailbox, env.deadlines)

    def prepare(self, since: float | None = None) -> None:
        """See Cell."""
        super().prepare(since)
        self._halting = False
        self._draining = False
        self._mailbox.signals.clear()
        if self._mailbox.terminated is not None:
            self._mailbox.reopen()

    async def _incarnation(self) -> None:
        context = Context(self._mailbox, self.env.refs, self.env.clock, self.env.random, self._leave)
        child = None
        try:
            child = self._child = self._spec.start()
            child.context = context
            if isinstance(child, Worker):
                self.kind = "worker"
                self._mailbox.close()
            await child.started()
            self._has_started()
            if isinstance(child, Worker):
                if not (self._halting or self._draining):
                    await child.run()
            else:
                await self._serve(child)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                self._mailbox.put_back()
                raise
            self._crashed(StrayCancellation(self.path))
        except Exception as error:  # noqa: BLE001 — here, and only here, a crash becomes a restart decision
            self._crashed(error)
        finally:
            context.end()
            if child is not None:
                await self._clean_up(child)
            self._child = None

    async def _serve(self, actor: Actor[Any]) -> None:
        mailbox = self._mailbox
        at_most = 1 if isinstance(actor, OneAtATime) else self._spec.max_batch
        since_yield = 0
        while True:
            while mailbox.signals:
                await actor.signalled(mailbox.signals.popleft())
            if self._halting:
                return
            batch = mailbox.take(at_most)
            if batch:
                await actor.receive(batch)
                since_yield += len(batch)
                mailbox.settle()
                # An actor that writes to itself, or never awaits, must not keep the loop from the others.
                if since_yield >= self._spec.max_batch:
                    since_yield = 0
                    await asyncio.sleep(0)
            elif self._draining:
                return
            else:
                since_yield = 0
                await mailbox.arrival()

    def _crashed(self, error: Exception) -> None:
        self.error = error
        text = self._failed(error)
        dead = self._mailbox.suspect()
        if dead is not None:
            self.env.observe(MessageDeadLettered(self.path, dead, error, text))
            if isinstance(dead, Question):
                dead.fail(MessageAbandoned(self.path, error))

    async def _clean_up(self, child: Actor[Any] | Worker) -> None:
        with CancelScope(shield=True) as shield, cut_off(shield, self.env.clock, self.shutdown):
            try:
                await child.stopped()
            except Exception as error:  # noqa: BLE001 — reported; what happens next was decided before
                self._failed(error)
        if shield.cancelled_caught:
            self._failed(CleanUpTimeout(self.path, self.shutdown))

    def _leave(self) -> None:
        self._halting = True
        if isinstance(self._child, Worker):
            self._child.request_stop()
        else:
            self._mailbox.wake()

    def request_stop(self, *, drain: bool) -> None:
        """See Cell."""
        self.state = "stopping"
        if drain:
            self._mailbox.close()
            self._draining = True
        else:
            self._halting = True
        if not isinstance(self._child, Worker):
            self._mailbox.signal(Stopping())
        elif self.started:
            try:
                self._child.request_stop()
            except Exception as error:  # noqa: BLE001 — it cannot be asked, so it is made to
                self._failed(error)
                self.scope.cancel()

    def terminate(self, error: Exception | None) -> None:
        """See Cell."""
        if self.terminated:
            return
        self.terminated = True
        left = self._mailbox.terminate(Terminated(self.path, error))
        if left:
            self.env.observe(MessagesLeft(self.path, left))
        if self.incarnation:
            self.env.observe(ActorEnded(self.path, error))

    def info(self) -> ActorInfo:
        """See Cell."""
        mailbox = self._mailbox
        capacity = 0 if self.kind == "worker" else mailbox.capacity
        return ActorInfo(
            id=self.id,
            path=self.path,
            kind=self.kind,
            state=self.state,
            mailbox=mailbox.depth,
            capacity=capacity,
            processed=mailbox.processed,
            dropped=mailbox.dropped,
            restarts=self.restarts,
            last_error=self.last_error,
            children=(),
        )
