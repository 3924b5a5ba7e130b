"""EDGE: a tree of supervisors as one thing that is started and stopped."""

from __future__ import annotations

import asyncio
import random as stdlib_random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

from anyio import Event, create_task_group

from .actor import find
from .cell import ActorInfo, Cell, Environment
from .clock import Clock, Random, SystemClock
from .deadlines import Deadlines
from .events import KernelEvent
from .ref import ActorRef
from .supervision import SupervisorSpec
from .supervisor import SupervisorCell

ROOT = "/"
"""The path of the root supervisor. All other paths are relative to it."""


def _ignore(event: KernelEvent) -> None:
    del event


class ActorSystem:
    """The tree that `spec` describes. It runs, once, while the block of `async with` does.

    `observe` is told of every KernelEvent, on the event loop; it must neither wait nor raise. Cancelled
    from outside, the whole tree is cancelled at once, each `stopped` still being run, and no task is left.
    """

    def __init__(
        self,
        spec: SupervisorSpec,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
        observe: Callable[[KernelEvent], None] = _ignore,
    ) -> None:
        clock = clock or SystemClock()
        random = random or stdlib_random.Random()
        self._env = Environment(clock, random, Deadlines(clock), observe, {})
        self._root = SupervisorCell(spec, ROOT, self._env)
        self._stop_requested = False
        self._over: Event | None = None
        self._told = False
        self._block = self._run()

    def ref(self, path: str) -> ActorRef[Any]:
        """The address of the actor at `path`, relative to the root, started or not. Raises NoSuchActor."""
        return find(self._env.refs, path)

    def tree(self) -> ActorInfo:
        """The state of everybody, now."""
        return self._root.info()

    def request_stop(self) -> None:
        """Make `wait` return, so that the block ends and the tree is stopped in order."""
        self._stop_requested = True
        if self._over is not None:
            self._over.set()

    async def wait(self) -> None:
        """Return after `request_stop`; raise SupervisorGaveUp if the root supervisor did."""
        if self._over is not None and not self._stop_requested:
            await self._over.wait()
        self._told = True
        if self._root.error is not None:
            raise self._root.error

    async def __aenter__(self) -> ActorSystem:
        """Start everybody, in order; raises StartFailed, having stopped again those who had started."""
        await self._block.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Stop everybody, in reversed order. Raises SupervisorGaveUp where nobody was told of it yet."""
        return await self._block.__aexit__(kind, error, trace)

    @asynccontextmanager
    async def _run(self) -> AsyncGenerator[None]:
        self._over = Event()
        if self._stop_requested:
            self._over.set()
        root, failure = self._root, None
        try:
            async with create_task_group() as tasks:
                root.prepare()
                tasks.start_soon(root.live, self._gave_up, name=ROOT)
                await root.settled.wait()
                if root.started:
                    try:
                        yield
                    except (asyncio.CancelledError, GeneratorExit):
                        raise
                    except BaseException as error:  # noqa: BLE001 — raised below, not wrapped by the group
                        failure = error
                    if root.alive:
                        root.request_stop(drain=True)
                await root.gone.wait()
        finally:
            root.terminate(root.error)
        if failure is not None:
            raise failure
        if root.error is not None and not self._told:
            raise root.error

    def _gave_up(self, root: Cell) -> None:
        if self._over is not None:
            self._over.set()
