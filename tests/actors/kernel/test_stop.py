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
    ActorStopped,
    ActorSystem,
    ChildSpec,
    MessagesLeft,
    Signal,
    Stopping,
    SupervisorSpec,
    Worker,
)
from tests.actors.kernel.cast import (
    PROMPT,
    Bomb,
    Boom,
    Echo,
    Log,
    Note,
    Recorder,
    Stage,
    named,
    play,
    recorder,
)
from tests.actors.kernel.virtual_clock import settle


async def test_start_in_order_and_stop_in_reverse() -> None:
    """Children start one after the other, depth first, and stop the other way round."""

    def inner(log: Log) -> SupervisorSpec:
        return SupervisorSpec("in", (recorder("b", log), recorder("c", log)))

    async with play(named("a"), inner, named("d")) as stage:
        assert stage.cleared() == ["a started", "in/b started", "in/c started", "d started"]
    assert stage.log == ["d stopped", "in/c stopped", "in/b stopped", "a stopped"]
    assert [event.path for event in stage.seen(ActorEnded)] == ["d", "in/c", "in/b", "in", "a", "/"]
    assert {info.state for info in stage.system.tree().children} == {"stopped"}


async def test_one_starts_when_those_before_it_have_started() -> None:
    """A child whose `started` takes time holds up those after it, and `async with`."""

    class Slow(Recorder):
        async def started(self) -> None:
            await self.context.clock.sleep(5)
            await super().started()

    log = Log()
    slow = ChildSpec("slow", lambda: Slow(log))
    stage = Stage(SupervisorSpec("root", (slow, recorder("next", log))), log)

    async def run() -> None:
        async with stage.system:
            log.append("block")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await stage.clock.advance(4.9)
        assert log == []
        assert stage.info("slow").state == "starting"
        await stage.clock.advance(0.1)
    assert log[:3] == ["slow started", "next started", "block"]


async def test_a_stopping_actor_gets_its_remaining_messages() -> None:
    """What was told before the stop is received before `stopped`; what is told later is refused."""
    refused = []

    class Last(Recorder):
        async def receive(self, messages: Sequence[Any]) -> None:
            await super().receive(messages)
            await asyncio.sleep(0)
            try:
                await self.context.self_ref.tell(Note("too late"))
            except ActorStopped:
                refused.append(messages[0].text)

        async def signalled(self, signal: Signal) -> None:
            self.write(type(signal).__name__)

    async with play(lambda log: ChildSpec("a", lambda: Last(log), max_batch=1)) as stage:
        await stage.system.ref("a").tell(Note("1"))
        await stage.system.ref("a").tell(Note("2"))
    assert stage.log == ["a started", "a 1", "a Stopping", "a 2", "a stopped"]
    assert refused == ["1", "2"]
    assert stage.seen(MessagesLeft) == []
    assert stage.info("a").processed == 2


async def test_who_is_later_in_the_tree_can_still_write_to_the_earlier() -> None:
    """While it deals with its last messages, an actor reaches those that started before it."""

    class Forwarder(Recorder):
        async def receive(self, messages: Sequence[Any]) -> None:
            for message in messages:
                await self.context.ref("a").tell(message)

    async with play(named("a"), lambda log: ChildSpec("b", lambda: Forwarder(log))) as stage:
        await stage.system.ref("b").tell(Note("passed on"))
    assert "a passed on" in stage.log
    assert stage.log[-1] == "a stopped"


class Hanging(Recorder):
    """Hangs on every message; so it can only be cancelled."""

    async def receive(self, messages: Sequence[Any]) -> None:
        await anyio.sleep_forever()


async def test_a_hanging_actor_is_cancelled_after_its_shutdown_timeout() -> None:
    """Each child has its own time-out; `stopped` runs all the same; what was left is counted and fails."""
    log = Log()
    children = (
        recorder("a", log),
        ChildSpec("b", lambda: Hanging(log), shutdown=2),
        ChildSpec("c", lambda: Hanging(log), shutdown=3),
    )
    stage = Stage(SupervisorSpec("root", children), log)

    async def run() -> None:
        async with stage.system:
            for path in "bc":
                await stage.system.ref(path).tell(Note("1"))
            await settle()
            await stage.system.ref("b").tell(Note("2"))

    async def ask() -> None:
        with pytest.raises(ActorStopped):
            await stage.system.ref("c").ask(Echo(), timeout=60)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(run)
        await stage.clock.advance(2.9)
        assert stage.info("c").state == "stopping"
        assert "c stopped" not in log
        await stage.clock.advance(0.1)
        assert log[-1] == "c stopped"
        await stage.clock.advance(1.9)
        assert log[-1] == "c stopped"
        await stage.clock.advance(0.1)
    assert log[-2:] == ["b stopped", "a stopped"]
    assert stage.seen(MessagesLeft) == [MessagesLeft("c", 2), MessagesLeft("b", 2)]
    assert stage.seen(ActorCrashed) == []


async def test_a_hanging_clean_up_is_cancelled_too() -> None:
    """`stopped` is given the shutdown time-out once more, then cancelled and reported."""

    class Messy(Recorder):
        async def stopped(self) -> None:
            await anyio.sleep_forever()

    log = Log()
    stage = Stage(SupervisorSpec("root", (ChildSpec("m", lambda: Messy(log), shutdown=2),)), log)

    async def run() -> None:
        async with stage.system:
            pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await stage.clock.advance(1.9)
        assert stage.info("m").state == "stopping"
        await stage.clock.advance(0.1)
    assert "CleanUpTimeout" in repr(stage.seen(ActorCrashed)[0].error)


async def test_an_error_while_cleaning_up_is_reported_and_stops_nothing() -> None:
    """`stopped` that raises after a crash does not hinder the restart, nor the end of the tree."""

    class Messy(Recorder):
        async def stopped(self) -> None:
            raise Boom("mess")

    async with play(lambda log: ChildSpec("m", lambda: Messy(log)), intensity=9, period=60) as stage:
        await stage.system.ref("m").tell(Bomb())
        await stage.clock.advance(10)
        assert stage.info("m").state == "running"
    errors = [repr(event.error) for event in stage.seen(ActorCrashed)]
    assert errors == ["Boom('bomb')", "Boom('mess')", "Boom('bomb')", "Boom('mess')", "Boom('mess')"]


async def test_a_stop_does_not_wait_for_a_backoff() -> None:
    """While a child waits for its restart, the system stops without time passing; its mail is counted."""
    async with play(named("a")) as stage:
        await stage.system.ref("a").tell(Bomb())
        await settle()
        assert stage.info("a").state == "restarting"
    assert stage.clock.monotonic() == 0
    assert stage.clock.pending == 0
    assert stage.seen(MessagesLeft) == [MessagesLeft("a", 1)]


async def test_a_stop_does_not_wait_for_a_restart_that_hangs() -> None:
    """A child that hangs in `started` when it is restarted is cancelled after its shutdown time-out."""
    born = []

    class Sluggish(Recorder):
        async def started(self) -> None:
            born.append(1)
            if len(born) > 1:
                await anyio.sleep_forever()

    log = Log()
    stage = Stage(SupervisorSpec("root", (ChildSpec("s", lambda: Sluggish(log), shutdown=1),)), log)

    async def run() -> None:
        async with stage.system:
            await stage.system.ref("s").tell(Bomb())
            await stage.system.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await stage.clock.advance(5)
        assert stage.info("s").state == "starting"
        stage.system.request_stop()
        await stage.clock.advance(0.9)
        assert stage.info("s").state == "stopping"
        await stage.clock.advance(0.1)
        assert stage.info("s").state == "stopped"


class Server(Worker):
    def __init__(self, log: Log, *, polite: bool) -> None:
        self.log = log
        self.polite = polite
        self.asked_to_stop = anyio.Event()

    async def started(self) -> None:
        self.log.append("bound")

    async def run(self) -> None:
        self.log.append("serving")
        try:
            await (self.asked_to_stop.wait() if self.polite else anyio.sleep_forever())
            self.log.append("finished")
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise

    def request_stop(self) -> None:
        self.log.append("asked to stop")
        self.asked_to_stop.set()

    async def stopped(self) -> None:
        self.log.append("unbound")


@pytest.mark.parametrize(("polite", "end", "seconds"), [(True, "finished", 0), (False, "cancelled", 5)])
async def test_a_worker_is_asked_and_then_cancelled(polite: bool, end: str, seconds: float) -> None:
    """`request_stop` is called at once; a worker that does not return is cancelled after its time-out."""
    log = Log()
    stage = Stage(SupervisorSpec("root", (ChildSpec("w", lambda: Server(log, polite=polite)),)), log)

    async def run() -> None:
        async with stage.system:
            await settle()
            assert stage.info("w").kind == "worker"
            with pytest.raises(ActorStopped):
                stage.system.ref("w").try_tell(Note("no mailbox"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await stage.clock.advance(0)
        assert log[:3] == ["bound", "serving", "asked to stop"]
        await stage.clock.advance(seconds)
        assert log[3:] == [end, "unbound"]


async def test_a_worker_that_is_stopped_while_it_starts_does_not_run() -> None:
    """When the stop comes during `started` of a restart, `run` is left out."""

    class Slow(Server):
        async def started(self) -> None:
            if "serving" in self.log:
                await self.context.clock.sleep(2)
            await super().started()

        async def run(self) -> None:
            self.log.append("serving")

    log = Log()
    spec = ChildSpec("w", lambda: Slow(log, polite=True))
    stage = Stage(SupervisorSpec("root", (spec,), backoff=PROMPT), log)

    async def run() -> None:
        async with stage.system:
            await stage.system.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await stage.clock.advance(2)
        stage.system.request_stop()
        await stage.clock.advance(2)
    assert log == ["bound", "serving", "unbound", "bound", "unbound"]


async def test_request_stop_ends_the_wait() -> None:
    """`wait` returns when somebody, here a child, asks for the end; even if asked before."""

    class Listener(Worker):
        async def run(self) -> None:
            system.request_stop()

    system = ActorSystem(SupervisorSpec("root", (ChildSpec("l", Listener, restart="temporary"),)))
    with anyio.fail_after(60):
        async with system:
            await system.wait()
            await system.wait()


async def test_an_error_of_the_block_stops_the_tree_and_comes_out_as_it_is() -> None:
    """The tree is stopped in order, and the error is not wrapped into a group."""
    log = Log()
    stage = Stage(SupervisorSpec("root", (recorder("a", log), recorder("b", log))), log)
    with pytest.raises(Boom, match="in the block"):
        async with stage.system:
            raise Boom("in the block")
    assert log == ["a started", "b started", "b stopped", "a stopped"]


def test_leaving_the_process_from_a_child_leaves_the_process() -> None:
    """SystemExit in an actor is nobody's crash: it goes through, with its code."""

    class Exiting(Actor[Note]):
        async def receive(self, messages: Sequence[Note]) -> None:
            raise SystemExit(7)

    events: list[Any] = []

    async def main() -> None:
        spec = SupervisorSpec("root", (ChildSpec("e", Exiting),))
        async with ActorSystem(spec, observe=events.append) as system:
            await system.ref("e").tell(Note("exit"))
            await system.wait()

    with pytest.raises(SystemExit) as caught:
        asyncio.run(main())
    assert caught.value.code == 7
    assert not [event for event in events if isinstance(event, ActorCrashed)]


async def test_the_signal_of_the_stop_is_a_signal() -> None:
    """Stopping has no content: two of them are equal."""
    assert Stopping() == Stopping()
