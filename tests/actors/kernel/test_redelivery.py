from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from actors.kernel import ActorCrashed, ChildSpec, MessageAbandoned, MessageDeadLettered, OneAtATime, Question
from tests.actors.kernel.cast import Bomb, Boom, Echo, Log, Note, Recorder, named, play
from tests.actors.kernel.virtual_clock import settle


async def test_the_batch_that_kills_is_redelivered_one_by_one() -> None:
    """Of a, bomb, c, only the bomb kills again: it alone is dead-lettered; order is kept; what came
    meanwhile comes afterwards."""
    async with play(named("r"), intensity=9, period=60) as stage:
        ref = stage.system.ref("r")
        for message in (Note("a"), Bomb(), Note("c")):
            await ref.tell(message)
        await settle()
        await ref.tell(Note("later"))
        stage.cleared()
        await stage.clock.advance(1)
        assert stage.cleared() == ["r started", "r a", "r bomb", "r stopped"]
        [letter] = stage.seen(MessageDeadLettered)
        assert (letter.path, letter.message, repr(letter.error)) == ("r", Bomb(), "Boom('bomb')")
        assert "in receive" in letter.traceback
        await stage.clock.advance(2)
        assert stage.log == ["r started", "r c", "r later"]
        assert stage.info("r").processed == 3


async def test_a_message_that_kills_once_is_not_lost() -> None:
    """A crash that does not come again costs no message."""
    clumsy = iter([True])

    class Clumsy(Recorder):
        async def receive(self, messages: Sequence[Any]) -> None:
            if next(clumsy, False):
                raise Boom
            await super().receive(messages)

    async with play(lambda log: ChildSpec("r", lambda: Clumsy(log))) as stage:
        await stage.system.ref("r").tell(Note("precious"))
        await stage.clock.advance(1)
        assert stage.log == ["r started", "r stopped", "r started", "r precious"]
        assert stage.seen(MessageDeadLettered) == []


async def test_an_actor_that_dies_of_one_message_harms_nobody_else() -> None:
    """Its sibling answers while it is down and is never restarted; the rest of its own mail is dealt with."""
    async with play(named("sick"), named("well"), intensity=2, period=60) as stage:
        sick, well = stage.system.ref("sick"), stage.system.ref("well")
        await sick.tell(Bomb())
        for text in "123":
            await sick.tell(Note(text))
        for _ in range(6):
            await stage.clock.advance(0.5)
            assert await well.ask(Echo("fine"), timeout=1) == "fine"
        assert [line for line in stage.log if line in ("sick 1", "sick 2", "sick 3")] == [
            "sick 1",
            "sick 2",
            "sick 3",
        ]
        assert stage.info("well").restarts == 0
        assert stage.info("sick").state == "running"


async def test_several_that_kill_are_each_dead_lettered() -> None:
    """Two bombs in one batch take three crashes; every other message survives, in order."""
    async with play(named("r"), intensity=9, period=60) as stage:
        for message in (Bomb("x"), Note("1"), Bomb("y"), Note("2")):
            await stage.system.ref("r").tell(message)
        await stage.clock.advance(60)
        assert [letter.message.text for letter in stage.seen(MessageDeadLettered)] == ["x", "y"]
        assert [line for line in stage.log if line in ("r 1", "r 2")] == ["r 1", "r 2"]
        assert len(stage.seen(ActorCrashed)) == 3


class Grenade(Question[str], frozen=True):
    text: str = "grenade"


class Grenadier(Recorder):
    async def receive(self, messages: Sequence[Any]) -> None:
        await super().receive(messages)
        if any(isinstance(message, Grenade) for message in messages):
            raise Boom("grenade")


async def test_a_question_that_is_dead_lettered_fails() -> None:
    """The asker of a question that kills twice gets MessageAbandoned with the error."""
    grenadier = play(lambda log: ChildSpec("r", lambda: Grenadier(log)))
    async with grenadier as stage, anyio.create_task_group() as tasks:

        async def ask() -> None:
            with pytest.raises(MessageAbandoned, match="grenade") as caught:
                await stage.system.ref("r").ask(Grenade(), timeout=30)
            assert isinstance(caught.value.error, Boom)

        tasks.start_soon(ask)
        await stage.clock.advance(1)
        assert len(stage.seen(MessageDeadLettered)) == 1


async def test_a_question_that_was_answered_is_not_redelivered() -> None:
    """If the batch kills after the reply, the question is done with; one without reply comes again."""
    async with play(lambda log: ChildSpec("r", lambda: Grenadier(log))) as stage:
        ref = stage.system.ref("r")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ref.ask, Echo("answered"), 5)
            await anyio.lowlevel.checkpoint()
            await ref.tell(Grenade())
            await settle()
        stage.cleared()
        await stage.clock.advance(1)
        assert stage.log == ["r started", "r grenade", "r stopped"]


async def test_one_at_a_time_has_only_the_guilty_message_delivered_twice() -> None:
    """Where messages come one by one, those before the guilty one are not repeated."""

    class Single(OneAtATime[Any]):
        def __init__(self, log: Log) -> None:
            self.log = log

        async def receive_one(self, message: Any) -> None:
            self.log.append(message.text)
            if isinstance(message, Bomb):
                raise Boom

    async with play(lambda log: ChildSpec("s", lambda: Single(log))) as stage:
        for message in (Note("1"), Bomb(), Note("2")):
            await stage.system.ref("s").tell(message)
        await stage.clock.advance(10)
        assert stage.log == ["1", "bomb", "bomb", "2"]
