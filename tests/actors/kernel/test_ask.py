from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from actors.kernel import (
    Actor,
    ActorStopped,
    AlreadyAsked,
    AskTimeout,
    ChildSpec,
    MessagesLeft,
    OneAtATime,
    Question,
)
from tests.actors.kernel.cast import Bomb, Boom, Echo, Note, Stage, named, play
from tests.actors.kernel.virtual_clock import settle


class Deaf(Actor[Any]):
    """Never answers; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Question[Any]] = []

    async def receive(self, messages: Sequence[Any]) -> None:
        self.asked.extend(messages)


async def asks(stage: Stage, path: str, deadline: float, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        await stage.system.ref(path).ask(Echo(), deadline)
    stage.log.append(f"{expected.__name__} at {stage.clock.monotonic():g}")


async def test_each_asker_gets_its_own_reply() -> None:
    """A hundred questions at once are each answered with their own text."""
    async with play(named("a")) as stage:
        ref = stage.system.ref("a")

        async def ask(text: str) -> None:
            assert await ref.ask(Echo(text), timeout=1) == text

        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(ask, str(number))


async def test_a_question_that_is_told_needs_no_asker() -> None:
    """`reply` to a told question does nothing."""
    async with play(named("a")) as stage:
        await stage.system.ref("a").tell(Echo("told"))
        await settle()
        assert stage.log == ["a started", "a told"]
        assert stage.info("a").state == "running"


async def test_the_deadline_is_kept() -> None:
    """Each AskTimeout comes exactly at its own deadline, whatever other deadlines there are."""
    async with play(ChildSpec("deaf", Deaf)) as stage, anyio.create_task_group() as tasks:
        for timeout in (3, 1, 2):
            tasks.start_soon(asks, stage, "deaf", timeout, AskTimeout)
        await stage.clock.advance(0.5)
        tasks.start_soon(asks, stage, "deaf", 1, AskTimeout)
        await stage.clock.advance(0.49)
        assert stage.log == []
        await stage.clock.advance(5)
        assert stage.log == [f"AskTimeout at {at}" for at in ("1", "1.5", "2", "3")]


async def test_waiting_for_room_counts_towards_the_deadline() -> None:
    """An ask that never got into the full mailbox times out too, and is not delivered later."""

    class Stuck(OneAtATime[Any]):
        async def receive_one(self, message: Any) -> None:
            seen.append(message.text)
            await self.context.clock.sleep(10)

    seen: list[str] = []
    async with play(ChildSpec("s", Stuck, capacity=1, shutdown=100)) as stage:
        ref = stage.system.ref("s")
        await ref.tell(Note("in hand"))
        await settle()
        await ref.tell(Note("waits"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asks, stage, "s", 1, AskTimeout)
            await stage.clock.advance(1)
        await stage.clock.advance(30)
        assert seen == ["in hand", "waits"]


class Busy(OneAtATime[Any]):
    """Takes ten seconds for every message."""

    async def receive_one(self, message: Any) -> None:
        await self.context.clock.sleep(10)
        if isinstance(message, Question):
            message.reply("at last")


async def test_an_asker_that_waited_for_room_gets_the_reply() -> None:
    """Being let into the mailbox is not mistaken for the answer."""
    async with play(ChildSpec("b", Busy, capacity=1, shutdown=100)) as stage:
        await stage.system.ref("b").tell(Note("in hand"))
        await settle()
        await stage.system.ref("b").tell(Note("waits"))
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                assert await stage.system.ref("b").ask(Echo(), timeout=60) == "at last"
                assert stage.clock.monotonic() == 30

            tasks.start_soon(ask)
            await stage.clock.advance(40)


class Cargo:
    pass


class Heavy(Echo, frozen=True):
    cargo: Cargo | None = None


async def test_an_answered_question_is_not_kept() -> None:
    """Nothing holds a question from its answer to its deadline."""
    async with play(named("a")) as stage:
        cargo = Cargo()
        alive = weakref.ref(cargo)
        await stage.system.ref("a").ask(Heavy(cargo=cargo), timeout=3600)
        await settle()
        del cargo
        gc.collect()
        assert alive() is None


async def test_those_who_gave_up_waiting_for_room_are_not_kept() -> None:
    """Behind a full mailbox, neither questions that timed out nor tells that were cancelled pile up."""
    async with play(ChildSpec("b", Busy, capacity=1, shutdown=0)) as stage:
        ref = stage.system.ref("b")
        await ref.tell(Note("in hand"))
        await settle()
        await ref.tell(Note("waits"))
        cargo = Cargo()
        alive = weakref.ref(cargo)

        async def give_up(question: Heavy) -> None:
            with pytest.raises(AskTimeout):
                await ref.ask(question, timeout=1)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(give_up, Heavy(cargo=cargo))
            tasks.start_soon(ref.tell, Heavy(cargo=cargo))
            await stage.clock.advance(1)
            tasks.cancel_scope.cancel()
        assert stage.info("b").mailbox == 1
        del cargo
        gc.collect()
        assert alive() is None


async def test_an_error_for_an_asker_that_is_being_cancelled_is_nobodys() -> None:
    """When failure and cancellation come in the same moment, asyncio has no lost exception to complain of."""
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    deaf = Deaf()
    async with play(ChildSpec("deaf", lambda: deaf)) as stage:
        asking = asyncio.ensure_future(stage.system.ref("deaf").ask(Echo(), 1))
        await settle()
        deaf.asked.pop().fail(Boom())
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()
        del asking
        gc.collect()
        assert complaints == []


async def test_a_late_reply_is_nobodys() -> None:
    """Answering after the deadline, or twice, does nothing."""
    deaf = Deaf()
    async with play(ChildSpec("deaf", lambda: deaf)) as stage, anyio.create_task_group() as tasks:
        tasks.start_soon(asks, stage, "deaf", 1, AskTimeout)
        await stage.clock.advance(1)
        deaf.asked[0].reply("late")
        deaf.asked[0].fail(Boom())
        await settle()
        assert stage.log == ["AskTimeout at 1"]


async def test_the_actor_can_fail_a_question() -> None:
    """`fail` raises that error where the question was asked, and the actor lives on."""

    class Refuser(Actor[Echo]):
        async def receive(self, messages: Sequence[Echo]) -> None:
            for message in messages:
                message.fail(Boom("refused"))

    async with play(ChildSpec("a", Refuser)) as stage:
        with pytest.raises(Boom, match="refused"):
            await stage.system.ref("a").ask(Echo(), timeout=1)
        assert stage.info("a").restarts == 0


async def test_asking_an_actor_that_is_being_restarted_waits_for_it() -> None:
    """A question asked during the backoff is answered by the next incarnation."""
    async with play(named("a"), intensity=9, period=60) as stage, anyio.create_task_group() as tasks:
        await stage.system.ref("a").tell(Bomb())
        await settle()
        assert stage.info("a").state == "restarting"

        async def ask() -> None:
            assert await stage.system.ref("a").ask(Echo("still"), timeout=30) == "still"
            stage.log.append("answered")

        tasks.start_soon(ask)
        await stage.clock.advance(10)
        assert stage.log[-1] == "answered"


async def test_asking_an_actor_that_crashed_for_good_fails() -> None:
    """A temporary actor that dies fails the questions in its mailbox and refuses new ones."""
    async with play(named("t", restart="temporary")) as stage, anyio.create_task_group() as tasks:
        stage.system.ref("t").try_tell(Bomb())
        tasks.start_soon(asks, stage, "t", 1, ActorStopped)
        await settle()
        assert stage.log[-1] == "ActorStopped at 0"
        with pytest.raises(ActorStopped):
            await stage.system.ref("t").ask(Echo(), timeout=1)
        assert stage.seen(MessagesLeft) == [MessagesLeft("t", 2)]


async def test_a_cancelled_asker_leaves_nothing_behind() -> None:
    """After an ask was cancelled, answering it does nothing, and its deadline does not fire."""
    deaf = Deaf()
    async with play(ChildSpec("deaf", lambda: deaf)) as stage:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stage.system.ref("deaf").ask, Echo(), 1)
                await settle()
                scope.cancel()
        deaf.asked[0].reply("nobody there")
        await stage.clock.advance(5)
        assert stage.clock.pending == 0


async def test_a_question_is_asked_once() -> None:
    """The same object cannot be asked again while its first asker waits."""
    async with play(ChildSpec("deaf", Deaf)) as stage, anyio.create_task_group() as tasks:
        question = Echo()
        tasks.start_soon(stage.system.ref("deaf").ask, question, 9)
        await settle()
        with pytest.raises(AlreadyAsked, match="Echo"):
            await stage.system.ref("deaf").ask(question, timeout=1)
        question.reply("done")
