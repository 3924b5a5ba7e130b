from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from actors.kernel import (
    Actor,
    ActorStopped,
    ActorSystem,
    ChildSpec,
    MailboxFull,
    NoSuchActor,
    OneAtATime,
    SupervisorSpec,
)
from tests.actors.kernel.cast import Echo, Note, named, play
from tests.actors.kernel.virtual_clock import settle


class Gate(Actor[Any]):
    """Deals with a batch only when the gate is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.batches: list[list[str]] = []

    async def receive(self, messages: Sequence[Any]) -> None:
        await self.open.wait()
        self.batches.append([message.text for message in messages])


def gated(gate: Gate, **options: Any) -> ChildSpec:
    return ChildSpec("gate", lambda: gate, **options)


async def test_what_came_while_the_actor_was_busy_comes_as_one_batch() -> None:
    """The second batch is everything that was told while the first was dealt with, in order."""
    gate = Gate()
    async with play(gated(gate)) as stage:
        ref = stage.system.ref("gate")
        await ref.tell(Note("0"))
        await settle()
        for text in "12345":
            await ref.tell(Note(text))
        assert ref.depth == 5
        gate.open.set()
        await settle()
        assert gate.batches == [["0"], ["1", "2", "3", "4", "5"]]
        assert stage.info("gate").processed == 6


async def test_a_batch_is_no_larger_than_max_batch() -> None:
    """Seven waiting messages come as 3, 3 and 1 where max_batch is 3."""
    gate = Gate()
    gate.open.set()
    async with play(gated(gate, max_batch=3)) as stage:
        for text in "1234567":
            await stage.system.ref("gate").tell(Note(text))
        await settle()
        assert gate.batches == [["1", "2", "3"], ["4", "5", "6"], ["7"]]


async def test_one_at_a_time_means_one() -> None:
    """An actor of one message at a time gets every message by itself, in order."""
    seen: list[str] = []

    class Single(OneAtATime[Note]):
        async def receive(self, messages: Sequence[Note]) -> None:
            assert len(messages) == 1
            await super().receive(messages)

        async def receive_one(self, message: Note) -> None:
            seen.append(message.text)

    async with play(ChildSpec("single", Single)) as stage:
        for text in "1234":
            await stage.system.ref("single").tell(Note(text))
        await settle()
        assert seen == ["1", "2", "3", "4"]


async def test_messages_wait_for_an_actor_that_has_not_started() -> None:
    """What is told before the system runs is received when it does."""
    gate = Gate()
    gate.open.set()
    system = ActorSystem(SupervisorSpec("root", (gated(gate),)))
    await system.ref("gate").tell(Note("early"))
    async with system:
        await settle()
    assert gate.batches == [["early"]]


async def test_tell_waits_for_room() -> None:
    """With policy "wait", a teller is held up while the mailbox is full, and its turn is kept."""
    gate = Gate()
    told: list[str] = []

    async with play(gated(gate, capacity=2)) as stage:
        ref = stage.system.ref("gate")

        async def tell(text: str) -> None:
            await ref.tell(Note(text))
            told.append(text)

        await tell("in hand")
        await settle()
        async with anyio.create_task_group() as tasks:
            for text in "12345":
                tasks.start_soon(tell, text)
            await settle()
            assert told == ["in hand", "1", "2"]
            assert ref.depth == 2
            assert ref.try_tell(Note("pushes in")) is False
            gate.open.set()
        await settle()
        assert [text for batch in gate.batches for text in batch] == ["in hand", "1", "2", "3", "4", "5"]


async def test_a_producer_that_never_gives_way_is_pushed_back() -> None:
    """A loop of tells, awaiting nothing else, never has more than the capacity waiting."""
    deepest = 0

    class Meter(Actor[Note]):
        async def receive(self, messages: Sequence[Note]) -> None:
            nonlocal deepest
            deepest = max(deepest, len(messages))

    async with play(ChildSpec("meter", Meter, capacity=10)) as stage:
        ref = stage.system.ref("meter")
        for _ in range(1000):
            await ref.tell(Note("."))
            assert ref.depth <= 10
        await settle()
        assert stage.info("meter").processed == 1000
        assert deepest <= 10


async def test_a_teller_that_gives_up_leaves_nothing_behind() -> None:
    """A tell that was cancelled while it waited for room is not delivered later."""
    gate = Gate()
    async with play(gated(gate, capacity=1)) as stage:
        ref = stage.system.ref("gate")
        await ref.tell(Note("in hand"))
        await settle()
        await ref.tell(Note("waits"))
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ref.tell, Note("cancelled"))
                await settle()
                scope.cancel()
        gate.open.set()
        await settle()
        assert gate.batches == [["in hand"], ["waits"]]


async def test_reject_refuses_at_once() -> None:
    """With policy "reject", tell and ask raise MailboxFull, try_tell says no, and nothing is counted lost."""
    gate = Gate()
    async with play(gated(gate, capacity=1, overflow="reject")) as stage:
        ref = stage.system.ref("gate")
        await ref.tell(Note("in hand"))
        await settle()
        await ref.tell(Note("waits"))
        with pytest.raises(MailboxFull, match="gate"):
            await ref.tell(Note("too much"))
        with pytest.raises(MailboxFull):
            await ref.ask(Echo(), timeout=1)
        assert ref.try_tell(Note("too much")) is False
        gate.open.set()
        await settle()
        assert gate.batches == [["in hand"], ["waits"]]
        assert stage.info("gate").dropped == 0


async def test_drop_oldest_drops_and_counts() -> None:
    """With policy "drop-oldest" the newest messages stay; a question among the dropped ones fails."""
    gate = Gate()
    async with play(gated(gate, capacity=2, overflow="drop-oldest")) as stage:
        ref = stage.system.ref("gate")
        await ref.tell(Note("in hand"))
        await settle()
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                with pytest.raises(MailboxFull):
                    await ref.ask(Echo("dropped"), timeout=1)

            tasks.start_soon(ask)
            await settle()
            await ref.tell(Note("1"))
            await ref.tell(Note("2"))
            assert ref.try_tell(Note("3")) is True
        gate.open.set()
        await settle()
        assert gate.batches == [["in hand"], ["2", "3"]]
        assert stage.info("gate").dropped == 2


async def test_an_unknown_path_is_an_error_that_names_the_known_ones() -> None:
    """NoSuchActor says which addresses there are."""
    async with play(named("a"), named("b")) as stage:
        with pytest.raises(NoSuchActor, match="no actor at 'c'; there are a, b"):
            stage.system.ref("c")


async def test_nothing_is_told_after_the_end() -> None:
    """A stopped actor's address raises ActorStopped, by tell, try_tell and ask alike."""
    async with play(named("a")) as stage:
        ref = stage.system.ref("a")
    with pytest.raises(ActorStopped, match="a:"):
        await ref.tell(Note("late"))
    with pytest.raises(ActorStopped):
        ref.try_tell(Note("late"))
    with pytest.raises(ActorStopped):
        await ref.ask(Echo(), timeout=1)


async def test_an_actor_that_writes_to_itself_does_not_starve_the_others() -> None:
    """While one actor tells itself without end, another still gets its mail."""

    class Busy(Actor[Note]):
        async def started(self) -> None:
            self.context.self_ref.try_tell(Note("again"))

        async def receive(self, messages: Sequence[Note]) -> None:
            self.context.self_ref.try_tell(Note("again"))

    async with play(ChildSpec("busy", Busy, max_batch=1), named("calm")) as stage:
        assert await stage.system.ref("calm").ask(Echo("here"), timeout=1) == "here"
