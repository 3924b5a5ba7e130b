from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.kernel import ChildSpec, Signal, SupervisorSpec, Terminated, Timer
from tests.actors.kernel.cast import Bomb, Boom, Log, Note, Recorder, named, play, recorder
from tests.actors.kernel.virtual_clock import settle


class Watcher(Recorder):
    """Watches who is named in each note; unwatches who is named with a minus."""

    async def receive(self, messages: Sequence[Any]) -> None:
        for message in messages:
            if message.text.startswith("-"):
                self.context.unwatch(self.context.ref(message.text[1:]))
            else:
                self.context.watch(self.context.ref(message.text))

    async def signalled(self, signal: Signal) -> None:
        if isinstance(signal, Terminated):
            self.write(f"saw {signal.path} end of {signal.error!r}")


def watcher(log: Log) -> ChildSpec:
    return ChildSpec("w", lambda: Watcher(log))


async def test_the_end_of_a_watched_actor_is_signalled() -> None:
    """Terminated comes with the error, once."""
    async with play(watcher, named("t", restart="temporary")) as stage:
        await stage.system.ref("w").tell(Note("t"))
        await settle()
        await stage.system.ref("t").tell(Bomb())
        await settle()
        assert stage.log[-1] == "w saw t end of Boom('bomb')"
    assert sum("saw" in line for line in stage.log) == 1


async def test_a_restart_is_not_the_end() -> None:
    """A watched actor that is restarted, even with its supervisor, is not reported."""

    def inner(log: Log) -> SupervisorSpec:
        return SupervisorSpec("in", (recorder("x", log),), intensity=0)

    async with play(watcher, named("p"), inner, intensity=9, period=60) as stage:
        for path in ("p", "in/x"):
            await stage.system.ref("w").tell(Note(path))
            await stage.system.ref(path).tell(Bomb())
        await stage.clock.advance(30)
        assert stage.info("p").restarts == 2
        assert stage.info("in").restarts == 2
        assert not any("saw" in line for line in stage.log)


async def test_watching_the_dead_is_answered_at_once() -> None:
    """Whoever watches an actor that has ended learns that it has."""
    async with play(watcher, named("t", restart="temporary")) as stage:
        await stage.system.ref("t").tell(Bomb())
        await settle()
        await stage.system.ref("w").tell(Note("t"))
        await settle()
        assert stage.log[-1] == "w saw t end of Boom('bomb')"


async def test_unwatch_ends_the_watch() -> None:
    """After `unwatch` the end of the other is not reported."""
    async with play(watcher, named("t", restart="temporary")) as stage:
        await stage.system.ref("w").tell(Note("t"))
        await stage.system.ref("w").tell(Note("-t"))
        await settle()
        await stage.system.ref("t").tell(Bomb())
        await settle()
        assert not any("saw" in line for line in stage.log)


async def test_a_watch_ends_with_its_incarnation() -> None:
    """A watcher that was restarted hears only of those that it watches anew."""
    async with play(watcher, named("t", restart="temporary")) as stage:
        await stage.system.ref("w").tell(Note("t"))
        await settle()
        await stage.system.ref("w").tell(Note("no such actor"))
        await stage.clock.advance(10)
        assert stage.info("w").restarts == 2
        await stage.system.ref("t").tell(Bomb())
        await settle()
        assert stage.info("t").state == "failed"
        assert not any("saw" in line for line in stage.log)


async def test_the_earlier_learn_of_the_stop_of_the_later() -> None:
    """At shutdown, a watcher sees the others stop before it, without an error."""
    async with play(watcher, named("a")) as stage:
        await stage.system.ref("w").tell(Note("a"))
        await settle()
    assert stage.log[-3:] == ["a stopped", "w saw a end of None", "w stopped"]


class Ticking(Recorder):
    """Arms its timers when it starts."""

    timers: list[Timer]

    async def started(self) -> None:
        self.timers.append(self.context.after(2, Note("once")))
        self.timers.append(self.context.every(1, Note("beat")))

    def write(self, text: str) -> None:
        self.log.append(f"{text} {self.context.clock.monotonic():g}")


def ticking(timers: list[Timer], **options: Any) -> Any:
    def spec(log: Log) -> ChildSpec:
        def start() -> Ticking:
            actor = Ticking(log)
            actor.timers = timers
            return actor

        return ChildSpec("t", start, **options)

    return spec


async def test_timers_put_messages_into_the_mailbox_in_time() -> None:
    """`after` does once, `every` each period, by the injected clock."""
    async with play(ticking([])) as stage:
        await stage.clock.advance(3.5)
        assert stage.log == ["beat 1", "once 2", "beat 2", "beat 3"]


async def test_a_cancelled_timer_is_silent() -> None:
    """After `cancel` nothing more comes, for either kind."""
    timers: list[Timer] = []
    async with play(ticking(timers)) as stage:
        await stage.clock.advance(1)
        for timer in timers:
            timer.cancel()
        await stage.clock.advance(9)
        assert stage.log == ["beat 1"]
        assert stage.clock.pending == 0


async def test_timers_end_with_their_incarnation() -> None:
    """A crash cancels them; the next incarnation has only those that it arms itself."""
    async with play(ticking([]), intensity=9, period=60) as stage:
        await stage.clock.advance(1.5)
        await stage.system.ref("t").tell(Bomb())
        await settle()
        assert stage.clock.pending == 1, "the backoff alone"
        stage.cleared()
        await stage.clock.advance(1.0)
        assert stage.cleared() == ["bomb 2.5", "stopped 2.5"]
        await stage.clock.advance(2 + 2)
        assert stage.log == ["beat 5.5", "once 6.5", "beat 6.5"]
    assert stage.clock.pending == 0


async def test_a_beat_that_finds_the_mailbox_full_is_left_out() -> None:
    """A slow actor is not buried under its own timer: at most the capacity waits."""

    class Slow(Ticking):
        async def receive(self, messages: Sequence[Any]) -> None:
            await self.context.clock.sleep(100)

    def slow(log: Log) -> ChildSpec:
        def start() -> Slow:
            actor = Slow(log)
            actor.timers = []
            return actor

        return ChildSpec("t", start, capacity=3, shutdown=0)

    async with play(slow) as stage:
        await stage.clock.advance(50)
        assert stage.info("t").mailbox == 3


async def test_an_error_in_signalled_is_a_crash() -> None:
    """The actor is restarted; the signal is not repeated."""

    class Touchy(Watcher):
        async def signalled(self, signal: Signal) -> None:
            raise Boom("touched")

    async with play(
        lambda log: ChildSpec("w", lambda: Touchy(log)), named("t", restart="temporary")
    ) as stage:
        await stage.system.ref("w").tell(Note("t"))
        await settle()
        await stage.system.ref("t").tell(Bomb())
        await stage.clock.advance(1)
        assert stage.info("w").restarts == 1
        assert stage.info("w").last_error == "Boom('touched')"
