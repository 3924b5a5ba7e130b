from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from actors.kernel import Actor, ActorStopped, ActorSystem, Backoff, ChildSpec, Signal, SupervisorSpec, Worker
from tests.actors.kernel.cast import Bomb, Boom, Echo, Note

TURNS = 150


class Restless(Actor[Any]):
    """Awaits wherever it can, and counts its beginnings and ends."""

    begun = 0
    ended = 0

    async def started(self) -> None:
        Restless.begun += 1
        await asyncio.sleep(0)
        self.context.every(0.001, Note("tick"))

    async def receive(self, messages: Sequence[Any]) -> None:
        for message in messages:
            await asyncio.sleep(0)
            if isinstance(message, Bomb):
                raise Boom
            if isinstance(message, Echo):
                message.reply("echo")

    async def signalled(self, signal: Signal) -> None:
        await asyncio.sleep(0)

    async def stopped(self) -> None:
        await asyncio.sleep(0)
        Restless.ended += 1


class Server(Worker):
    async def run(self) -> None:
        await anyio.sleep_forever()


def spec() -> SupervisorSpec:
    quick = Backoff(first=0.0, longest=0.0)
    inner = SupervisorSpec(
        "in",
        (ChildSpec("x", Restless, capacity=1), ChildSpec("y", Restless)),
        strategy="one_for_all",
        intensity=1,
        backoff=quick,
    )
    children = (ChildSpec("a", Restless), inner, ChildSpec("w", Server, shutdown=0.0))
    return SupervisorSpec("root", children, intensity=100, backoff=quick)


async def life(system: ActorSystem) -> None:
    """Starts, tells, asks, crashes, escalates and stops."""
    async with system:
        x = system.ref("in/x")
        for message in (Note("1"), Bomb(), Note("2"), Note("3")):
            await x.tell(message)
        await system.ref("a").ask(Echo(), timeout=5)
        await x.ask(Echo(), timeout=5)


async def count_turns(turns: list[None]) -> None:
    while True:
        await asyncio.sleep(0)
        turns.append(None)


def test_the_uncancelled_life_is_long_enough() -> None:
    """Left alone, the life above sees a crash, an escalation and a dead letter, and all of it within the
    moments at which the next test cancels."""
    events: list[str] = []

    async def main() -> int:
        turns: list[None] = []
        counting = asyncio.ensure_future(count_turns(turns))
        with anyio.fail_after(60):
            await life(ActorSystem(spec(), observe=lambda event: events.append(type(event).__name__)))
        counting.cancel()
        return len(turns)

    assert asyncio.run(main()) < TURNS
    assert {"ActorCrashed", "SupervisorEscalated", "MessageDeadLettered", "ActorEnded"} <= set(events)


async def cancel_after(turns: int, system: ActorSystem, *, native: bool) -> None:
    """Run `life` for so many turns of the loop, then cancel its scope, or natively its task."""
    if native:
        task = asyncio.ensure_future(life(system))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(life, system)
        for _ in range(turns):
            await asyncio.sleep(0)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("native", [False, True], ids=["scope", "task"])
def test_cancelled_at_any_moment_it_leaves_nothing(native: bool) -> None:
    """Cancelled after 0, 1, 2 ... turns of the loop, the system ends every task, every actor that began is
    cleaned up, and nobody can be told anything any more."""

    async def main(turns: int) -> None:
        Restless.begun = Restless.ended = 0
        system = ActorSystem(spec())
        with anyio.fail_after(60):
            await cancel_after(turns, system, native=native)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert Restless.begun == Restless.ended
        if Restless.begun:
            for path in ("a", "in/x", "in/y"):
                with pytest.raises(ActorStopped):
                    system.ref(path).try_tell(Note("late"))

    for turns in range(TURNS):
        asyncio.run(main(turns))
