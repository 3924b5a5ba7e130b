"""The actors and systems that the tests of the kernel play with."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

from actors.kernel import (
    Actor,
    ActorInfo,
    ActorSystem,
    Backoff,
    ChildSpec,
    KernelEvent,
    Question,
    Signal,
    SupervisorSpec,
)
from tests.actors.kernel.virtual_clock import VirtualClock

E = TypeVar("E")
PROMPT = Backoff(first=1.0, factor=2.0, longest=8.0, jitter=0.0)


class Note(msgspec.Struct, frozen=True):
    text: str


class Bomb(msgspec.Struct, frozen=True):
    """Kills whoever receives it."""

    text: str = "bomb"


class Echo(Question[str], frozen=True):
    text: str = "echo"


class Boom(Exception):
    pass


class Log(list[str]):
    """What happened, in order."""


class Recorder(Actor[Any]):
    """Writes what happens to it into a log that outlives it, under its path."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def write(self, text: str) -> None:
        self.log.append(f"{self.context.path} {text}")

    async def started(self) -> None:
        self.write("started")

    async def receive(self, messages: Sequence[Any]) -> None:
        self.write("+".join(message.text for message in messages))
        for message in messages:
            match message:
                case Bomb():
                    raise Boom(message.text)
                case Echo():
                    message.reply(message.text)
                case _:
                    pass

    async def signalled(self, signal: Signal) -> None:
        pass

    async def stopped(self) -> None:
        self.write("stopped")


class Stage:
    """A system under virtual time, with what it reported and what its recorders wrote."""

    def __init__(self, spec: SupervisorSpec, log: Log) -> None:
        self.log = log
        self.events: list[KernelEvent] = []
        self.clock = VirtualClock()
        self.system = ActorSystem(spec, clock=self.clock, random=random.Random(1), observe=self.events.append)

    def seen(self, kind: type[E]) -> list[E]:
        """The events of `kind` so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def info(self, path: str) -> ActorInfo:
        """The place at `path`."""
        found = [info for info in walk(self.system.tree()) if info.path == path]
        assert len(found) == 1
        return found[0]

    def cleared(self) -> list[str]:
        """The log so far, which is then forgotten."""
        lines = list(self.log)
        self.log.clear()
        return lines


def walk(info: ActorInfo) -> list[ActorInfo]:
    return [info, *(deeper for child in info.children for deeper in walk(child))]


def recorder(id: str, log: Log, **options: Any) -> ChildSpec:
    return ChildSpec(id, lambda: Recorder(log), **options)


@asynccontextmanager
async def play(
    *children: ChildSpec | SupervisorSpec | Callable[[Log], ChildSpec | SupervisorSpec], **options: Any
) -> AsyncGenerator[Stage]:
    """A running Stage whose root has `children`; a function among them is given the log."""
    log = Log()
    specs = tuple(
        child if isinstance(child, ChildSpec | SupervisorSpec) else child(log) for child in children
    )
    stage = Stage(SupervisorSpec("root", specs, **{"backoff": PROMPT, **options}), log)
    async with stage.system:
        yield stage


def named(id: str, **options: Any) -> Callable[[Log], ChildSpec]:
    """A Recorder for `play`."""
    return lambda log: recorder(id, log, **options)
