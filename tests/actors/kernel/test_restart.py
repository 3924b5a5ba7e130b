from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from actors.kernel import (
    Actor,
    ActorCrashed,
    ActorEnded,
    ActorRestarted,
    ActorStarted,
    ActorStopped,
    ChildSpec,
    RestartKind,
    Signal,
    StartFailed,
    Strategy,
    SupervisorEscalated,
    SupervisorGaveUp,
    SupervisorSpec,
    Worker,
)
from tests.actors.kernel.cast import PROMPT, Bomb, Boom, Log, Note, Recorder, Stage, named, play, recorder
from tests.actors.kernel.virtual_clock import settle


async def bomb(stage: Stage, path: str, text: str = "bomb") -> None:
    """Have the actor at `path` die once: the message is answered for by the next incarnation's test."""
    await stage.system.ref(path).tell(Bomb(text))
    await settle()


class Fragile(Recorder):
    """Dies of the first Bomb of its life in the tree, and lets later ones pass."""

    struck: set[str]

    async def receive(self, messages: Sequence[Any]) -> None:
        if any(isinstance(message, Bomb) for message in messages) and self.context.path not in self.struck:
            self.struck.add(self.context.path)
            self.write("dies")
            raise Boom


def fragile(*ids: str, **options: Any) -> list[Any]:
    """Children that die of their first Bomb only."""
    struck: set[str] = set()

    def make(id: str) -> Any:
        def start(log: Log) -> Fragile:
            actor = Fragile(log)
            actor.struck = struck
            return actor

        return lambda log: ChildSpec(id, lambda: start(log), **options)

    return [make(id) for id in ids]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("one_for_one", ["b started"]),
        ("rest_for_one", ["c stopped", "b started", "c started"]),
        ("one_for_all", ["c stopped", "a stopped", "a started", "b started", "c started"]),
    ],
)
async def test_the_strategy_is_followed(strategy: Strategy, expected: list[str]) -> None:
    """When b of a, b, c dies, those concerned stop in reverse and start in order, after the backoff."""
    async with play(*fragile("a", "b", "c"), strategy=strategy) as stage:
        stage.cleared()
        await bomb(stage, "b")
        stopped = expected.index("b started") if strategy != "one_for_all" else 2
        assert stage.log == ["b dies", "b stopped", *expected[:stopped]]
        assert stage.info("b").state == "restarting"
        await stage.clock.advance(0.99)
        assert not any("started" in line for line in stage.log)
        await stage.clock.advance(0.01)
        assert stage.log == ["b dies", "b stopped", *expected]
        assert stage.info("b").state == "running"


@pytest.mark.parametrize("strategy", ["rest_for_one", "one_for_all"])
async def test_siblings_that_are_restarted_keep_their_mail(strategy: Strategy) -> None:
    """What was told to c while it waited to be restarted along with b is received afterwards."""
    async with play(*fragile("b"), named("c"), strategy=strategy) as stage:
        await bomb(stage, "b")
        await stage.system.ref("c").tell(Note("kept"))
        stage.cleared()
        await stage.clock.advance(1)
        assert "c kept" in stage.log


async def test_a_sibling_cancelled_on_the_way_to_its_restart_keeps_its_batch() -> None:
    """c hangs on a batch when b dies, and is cancelled after its time-out. Its next incarnation gets the
    batch as it was, before what came later, and hears nothing of the stop of the last one."""

    class Hanging(Recorder):
        async def receive(self, messages: Sequence[Any]) -> None:
            if stage.info("c").restarts == 0:
                await anyio.sleep_forever()
            await super().receive(messages)

        async def signalled(self, signal: Signal) -> None:
            self.write("signalled")

    def hanging(log: Log) -> ChildSpec:
        return ChildSpec("c", lambda: Hanging(log), shutdown=1)

    async with play(*fragile("b"), hanging, strategy="rest_for_one") as stage:
        for text in "123":
            await stage.system.ref("c").tell(Note(text))
        await bomb(stage, "b")
        await stage.system.ref("c").tell(Note("4"))
        stage.cleared()
        await stage.clock.advance(1)
        assert stage.info("c").state == "restarting"
        await stage.clock.advance(1)
        assert stage.log == ["c stopped", "b started", "c started", "c 1+2+3+4"]


async def test_a_larger_restart_takes_the_place_of_a_smaller_one() -> None:
    """With rest_for_one, b waits for its restart when a dies: then b comes after a, by a's backoff."""
    async with play(*fragile("a", "b"), strategy="rest_for_one") as stage:
        await bomb(stage, "b")
        await stage.clock.advance(0.5)
        await bomb(stage, "a")
        stage.cleared()
        await stage.clock.advance(0.9)
        assert stage.log == []
        await stage.clock.advance(0.1)
        assert stage.log == ["a started", "b started"]


async def test_two_that_die_together_are_restarted_together_once() -> None:
    """With one_for_all, the simultaneous deaths of a and b count as one restart."""
    async with play(*fragile("a", "b"), strategy="one_for_all", intensity=1) as stage:
        stage.system.ref("a").try_tell(Bomb())
        stage.system.ref("b").try_tell(Bomb())
        await stage.clock.advance(1)
        assert stage.info("a").state == stage.info("b").state == "running"
        assert [event.path for event in stage.seen(ActorRestarted)] == ["a", "b"]


async def test_temporary_siblings_end_with_the_others_and_stay_ended() -> None:
    """one_for_all stops a temporary sibling as well, and does not start it again."""
    async with play(*fragile("a"), named("t", restart="temporary"), strategy="one_for_all") as stage:
        await bomb(stage, "a")
        await stage.clock.advance(1)
        assert stage.info("a").state == "running"
        assert stage.info("t").state == "stopped"
        assert stage.seen(ActorEnded) == [ActorEnded("t", None)]
        with pytest.raises(ActorStopped):
            stage.system.ref("t").try_tell(Note("nobody there"))


@pytest.mark.parametrize(
    ("restart", "state"), [("permanent", "running"), ("transient", "running"), ("temporary", "failed")]
)
async def test_who_crashes_is_restarted_by_kind(restart: RestartKind, state: str) -> None:
    """After a crash, permanent and transient children run again; a temporary one does not."""
    async with play(*fragile("a", restart=restart)) as stage:
        await bomb(stage, "a")
        await stage.clock.advance(1)
        assert stage.info("a").state == state


class Leaver(Worker):
    """Returns at once."""

    async def run(self) -> None:
        pass


@pytest.mark.parametrize(("restart", "restarts"), [("permanent", 1), ("transient", 0), ("temporary", 0)])
async def test_who_leaves_is_restarted_by_kind(restart: RestartKind, restarts: int) -> None:
    """After a worker's return without failure, only a permanent one is restarted."""
    async with play(ChildSpec("w", Leaver, restart=restart)) as stage:
        await stage.clock.advance(1)
        assert stage.info("w").restarts == restarts
        assert stage.seen(ActorCrashed) == []


async def test_an_actor_can_leave() -> None:
    """An actor that calls `context.stop` ends after its batch, without a crash; transient, it stays away."""

    class Quitter(Recorder):
        async def receive(self, messages: Sequence[Any]) -> None:
            self.context.stop()
            await super().receive(messages)

    async with play(lambda log: ChildSpec("q", lambda: Quitter(log), restart="transient")) as stage:
        await stage.system.ref("q").tell(Note("bye"))
        await settle()
        assert stage.log == ["q started", "q bye", "q stopped"]
        assert stage.seen(ActorEnded) == [ActorEnded("q", None)]


class Doomed(Actor[Any]):
    """Cannot start after its first incarnation."""

    born = 0

    async def started(self) -> None:
        Doomed.born += 1
        if Doomed.born > 1:
            raise Boom("again")

    async def receive(self, messages: Sequence[Any]) -> None:
        raise Boom("first")


async def test_backoff_grows_until_the_intensity_is_exceeded() -> None:
    """A child that cannot be restarted is tried 1, 2 and 4 s after its crashes; then it is given up."""
    Doomed.born = 0

    async def perform() -> None:
        async with play(ChildSpec("d", Doomed), intensity=3, period=60) as stage:
            await stage.system.ref("d").tell(Note("die"))
            for seconds, crashes in ((0.9, 1), (0.1, 2), (1.9, 2), (0.1, 3), (3.9, 3), (0.1, 4)):
                assert stage.info("/").state == "running"
                await stage.clock.advance(seconds)
                assert len(stage.seen(ActorCrashed)) == crashes
            assert stage.info("/").state == "failed"

    with pytest.raises(SupervisorGaveUp, match="d died of Boom"):
        await perform()


async def test_a_crash_is_reported_with_its_traceback() -> None:
    """ActorCrashed carries the error and where it happened."""
    async with play(*fragile("a")) as stage:
        await bomb(stage, "a")
        [crash] = stage.seen(ActorCrashed)
        assert (crash.path, type(crash.error)) == ("a", Boom)
        assert "in receive" in crash.traceback
        assert stage.info("a").last_error == "Boom()"
        await stage.clock.advance(2)
        assert stage.seen(ActorRestarted) == [ActorRestarted("a", 1.0, 1)]


def nested(log: Log, **options: Any) -> SupervisorSpec:
    return SupervisorSpec(
        "inner", (recorder("x", log), recorder("y", log)), intensity=1, period=60, backoff=PROMPT, **options
    )


async def test_a_supervisor_that_gives_up_is_restarted_by_its_own() -> None:
    """After one restart too many, all of inner's children stop, and start again after the outer backoff;
    their mail is kept, and the message that killed twice is not among it."""
    async with play(nested, named("z"), intensity=3, period=60) as stage:
        stage.system.ref("inner/x").try_tell(Bomb())
        stage.system.ref("inner/x").try_tell(Note("after"))
        await stage.clock.advance(1)
        assert [event.path for event in stage.seen(SupervisorEscalated)] == ["inner"]
        assert stage.info("inner").state == "restarting"
        stage.system.ref("inner/y").try_tell(Note("patience"))
        stage.cleared()
        await stage.clock.advance(1)
        assert stage.log == ["inner/x started", "inner/x after", "inner/y started", "inner/y patience"]
        assert stage.info("inner").restarts == 1
        assert stage.info("z").restarts == 0


async def test_a_restarted_supervisor_starts_all_its_children() -> None:
    """Even a temporary child that had ended is there again, and takes messages."""

    def inner(log: Log) -> SupervisorSpec:
        children = (recorder("t", log, restart="temporary"), recorder("x", log))
        return SupervisorSpec("inner", children, intensity=0)

    async with play(inner, intensity=9, period=60) as stage:
        await bomb(stage, "inner/t")
        assert stage.info("inner/t").state == "failed"
        await bomb(stage, "inner/x")
        await stage.clock.advance(10)
        stage.cleared()
        await stage.system.ref("inner/t").tell(Note("again"))
        await settle()
        assert "inner/t again" in stage.log


async def test_a_temporary_supervisor_that_gives_up_stays_away() -> None:
    """Its children end for good, and its siblings go on."""
    async with play(lambda log: nested(log, restart="temporary"), named("z")) as stage:
        stage.system.ref("inner/x").try_tell(Bomb())
        await stage.clock.advance(1)
        assert {event.path for event in stage.seen(ActorEnded)} == {"inner", "inner/x", "inner/y"}
        assert stage.info("z").state == "running"


async def test_the_root_that_gives_up_ends_the_wait() -> None:
    """`wait` raises SupervisorGaveUp with path and last error, each time it is called."""
    async with play(named("a"), intensity=0) as stage:
        await bomb(stage, "a")
        for _ in range(2):
            with pytest.raises(SupervisorGaveUp) as caught:
                await stage.system.wait()
            gave_up = caught.value
            assert (gave_up.path, gave_up.child, repr(gave_up.error)) == ("/", "a", "Boom('bomb')")
    assert stage.log == ["a started", "a bomb", "a stopped"]


async def test_the_root_that_gave_up_unheard_is_heard_at_the_end() -> None:
    """A block that does not wait learns of the failure when it ends."""

    async def perform() -> None:
        async with play(named("a"), intensity=0) as stage:
            await bomb(stage, "a")

    with pytest.raises(SupervisorGaveUp):
        await perform()


async def test_a_failing_first_start_names_who_and_why() -> None:
    """Those who had started are stopped in reverse; StartFailed has path and cause; nobody is retried."""

    class Stillborn(Actor[Any]):
        async def started(self) -> None:
            raise Boom("no port")

    log = Log()
    inner = SupervisorSpec("inner", (recorder("b", log), ChildSpec("c", Stillborn)))
    stage = Stage(SupervisorSpec("root", (recorder("a", log), inner, recorder("d", log))), log)
    with pytest.raises(StartFailed, match="inner/c: could not start") as caught:
        async with stage.system:
            pytest.fail("the block was entered")
    assert isinstance(caught.value.cause, Boom)
    assert log == ["a started", "inner/b started", "inner/b stopped", "a stopped"]
    assert stage.seen(ActorStarted) == [ActorStarted("a"), ActorStarted("inner/b")]


async def test_a_start_function_that_raises_is_a_failing_start() -> None:
    """An error in the constructor is reported like one in `started`."""

    def broken() -> Actor[Any]:
        raise Boom("constructor")

    with pytest.raises(StartFailed, match="constructor"):
        async with play(ChildSpec("a", broken)):
            pytest.fail("the block was entered")


async def test_a_stray_cancellation_is_a_crash() -> None:
    """CancelledError out of a future that somebody else cancelled does not make the actor vanish."""

    class Waiter(Actor[Any]):
        async def receive(self, messages: Sequence[Any]) -> None:
            cancelled = asyncio.get_running_loop().create_future()
            cancelled.cancel()
            await cancelled

    async with play(ChildSpec("w", Waiter)) as stage:
        await stage.system.ref("w").tell(Note("x"))
        await stage.clock.advance(1)
        assert "StrayCancellation" in repr(stage.seen(ActorCrashed)[0].error)
        assert stage.info("w").restarts == 1
