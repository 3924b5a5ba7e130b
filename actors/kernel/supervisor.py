"""EDGE: runs the children of a supervisor as `supervision` decides."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias, assert_never

import msgspec
from anyio import CancelScope, create_task_group
from anyio.abc import TaskGroup

from .cell import ActorCell, ActorInfo, Cell, CellKind, Environment
from .clock import Handle, cut_off
from .events import ActorEnded, SupervisorEscalated
from .mailbox import Mailbox
from .supervision import (
    ChildSpec,
    GiveUp,
    History,
    RestartAfter,
    SupervisorSpec,
    affected,
    decide,
    is_restarted,
)


class StartFailed(Exception):
    """A child did not get through its `started`; `cause` is what it raised."""

    def __init__(self, path: str, cause: Exception | None) -> None:
        self.path = path
        self.cause = self.__cause__ = cause
        super().__init__(f"{path}: could not start: {cause!r}")


class SupervisorGaveUp(Exception):
    """A child of the supervisor at `path` ended too often; `error` is what it died of last."""

    def __init__(self, path: str, child: str, error: Exception | None) -> None:
        self.path = path
        self.child = child
        self.error = error
        why = "ended of its own accord" if error is None else f"died of {error!r}"
        super().__init__(f"{path}: gave up, more restarts than allowed; last, {child} {why}")


class _Exited(msgspec.Struct, frozen=True):
    """A child that had started has ended."""

    cell: Cell


class _Due(msgspec.Struct, frozen=True):
    """The backoff is over: start `cells`, which ended at `since`."""

    cells: tuple[Cell, ...]
    since: float


_Inbox: TypeAlias = Mailbox[_Exited | _Due]


class SupervisorCell(Cell):
    """The place of a supervisor."""

    kind: CellKind = "supervisor"

    def __init__(self, spec: SupervisorSpec, path: str, env: Environment) -> None:
        super().__init__(spec.id, path, spec.restart, spec.shutdown, env)
        self._spec = spec
        prefix = "" if path == "/" else f"{path}/"
        self._cells = [_cell(child, prefix + child.id, env) for child in spec.children]
        self._draining = False
        self._history: History = ()
        self._backoffs: dict[tuple[Cell, ...], Handle] = {}

    def prepare(self, since: float | None = None) -> None:
        """See Cell."""
        super().prepare(since)
        self._draining = False
        self._history = ()
        self._inbox: _Inbox = Mailbox(self.path, 1, "wait")
        self._serving = CancelScope()

    async def _incarnation(self) -> None:
        async with create_task_group() as tasks:
            # Cancelled by `request_stop`, wherever in it we are: a start, a stop or a backoff.
            with self._serving:
                try:
                    await self._start_all(tasks)
                    self._has_started()
                    await self._supervise(tasks)
                except (StartFailed, SupervisorGaveUp) as error:
                    self.error = error
                    self.last_error = str(error)
            for handle in self._backoffs.values():
                handle.cancel()
            self._backoffs.clear()
            for cell in reversed(self._cells):
                await self._stop(cell, drain=self._draining)

    async def _start_all(self, tasks: TaskGroup) -> None:
        for cell in self._cells:
            if not await self._start(cell, tasks):
                raise (
                    cell.error if isinstance(cell.error, StartFailed) else StartFailed(cell.path, cell.error)
                )

    async def _supervise(self, tasks: TaskGroup) -> None:
        while True:
            for event in self._inbox.take(1):
                match event:
                    case _Exited(cell):
                        # One that waits for its restart was dealt with along with a sibling.
                        if cell.state != "restarting":
                            await self._replace(cell)
                    case _Due(cells, since):
                        await self._restart(cells, since, tasks)
                    case _ as never:
                        assert_never(never)
            if not self._inbox.waiting:
                await self._inbox.arrival()

    async def _replace(self, ended: Cell) -> None:
        """See to it that `ended`, and those whom its end concerns, start again later, if they are to."""
        if not is_restarted(ended.restart, failed=ended.error is not None):
            ended.terminate(ended.error)
            return
        now = self.env.clock.monotonic()
        chance = self.env.random.uniform(0.0, 1.0)
        match decide(self._spec, self._history, ended.id, now, chance):
            case GiveUp():
                self.env.observe(SupervisorEscalated(self.path, ended.error))
                raise SupervisorGaveUp(self.path, ended.path, ended.error) from ended.error
            case RestartAfter(delay, history):
                self._history = history
                cells = await self._halt(ended)
                due = _Due(cells, now)
                self._backoffs[cells] = self.env.clock.call_later(delay, partial(self._over, due))

    async def _halt(self, ended: Cell) -> tuple[Cell, ...]:
        """Stop those who are to be restarted together with `ended`; returns them all, in order of start."""
        ids = affected(self._spec.strategy, [cell.id for cell in self._cells], ended.id)
        cells = [cell for cell in self._cells if cell.id in ids]
        for group in [group for group in self._backoffs if ended in group or set(group) <= set(cells)]:
            self._backoffs.pop(group).cancel()
        for cell in reversed(cells):
            await self._stop(cell, drain=False)
        # A temporary sibling's exit comes in as an event like any other, and is for good.
        cells = [cell for cell in cells if cell is ended or cell.restart != "temporary"]
        for cell in cells:
            cell.state = "restarting"
        return tuple(cells)

    async def _restart(self, cells: Sequence[Cell], since: float, tasks: TaskGroup) -> None:
        for cell in cells:
            if not await self._start(cell, tasks, since):
                # Its replacement concerns those that would have come after it here.
                await self._replace(cell)
                return

    async def _start(self, cell: Cell, tasks: TaskGroup, since: float | None = None) -> bool:
        cell.prepare(since)
        tasks.start_soon(cell.live, self._exited, name=cell.path)
        await cell.settled.wait()
        return cell.started

    async def _stop(self, cell: Cell, *, drain: bool) -> None:
        if cell.alive:
            cell.request_stop(drain=drain)
            with cut_off(cell.scope, self.env.clock, cell.shutdown):
                await cell.gone.wait()
        if drain:
            cell.terminate(cell.error)

    def _exited(self, cell: Cell) -> None:
        self._inbox.put_beyond(_Exited(cell))

    def _over(self, due: _Due) -> None:
        del self._backoffs[due.cells]
        self._inbox.put_beyond(due)

    def request_stop(self, *, drain: bool) -> None:
        """See Cell."""
        self.state = "stopping"
        self._draining = drain
        self._serving.cancel()

    def terminate(self, error: Exception | None) -> None:
        """See Cell."""
        if self.terminated:
            return
        self.terminated = True
        for cell in reversed(self._cells):
            cell.terminate(cell.error)
        if self.incarnation:
            self.env.observe(ActorEnded(self.path, error))

    def info(self) -> ActorInfo:
        """See Cell."""
        return ActorInfo(
            id=self.id,
            path=self.path,
            kind=self.kind,
            state=self.state,
            mailbox=0,
            capacity=0,
            processed=0,
            dropped=0,
            restarts=self.restarts,
            last_error=self.last_error,
            children=tuple(cell.info() for cell in self._cells),
        )


def _cell(spec: ChildSpec | SupervisorSpec, path: str, env: Environment) -> Cell:
    match spec:
        case ChildSpec():
            return ActorCell(spec, path, env)
        case SupervisorSpec():
            return SupervisorCell(spec, path, env)
        case _ as never:
            assert_never(never)
