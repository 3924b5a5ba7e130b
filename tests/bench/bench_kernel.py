"""Messages a second through the kernel, against pykka and an anyio memory object stream in the same run.

`python -m tests.bench.bench_kernel [--scale 1.0]`. One core, uvloop, end to end: every message has been
received, looked at and counted before the watch is stopped. The rounds of the contestants alternate, and
each is judged by its best round: what else the machine does can only make a round slower.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import statistics
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import anyio
import msgspec
import pykka
import uvloop

from actors.kernel import Actor, ActorRef, ActorSystem, ChildSpec, OneAtATime, Question, SupervisorSpec

ROUNDS = 15
CAPACITY = 1024


class Add(msgspec.Struct, frozen=True):
    amount: int


ONE = Add(1)
"""Sent over and over: making messages is not what is measured."""


class Total(Question[int], frozen=True):
    pass


class Counter(Actor[Add | Total]):
    def __init__(self) -> None:
        self.total = 0

    async def receive(self, messages: Sequence[Add | Total]) -> None:
        for message in messages:
            if isinstance(message, Add):
                self.total += message.amount
            else:
                message.reply(self.total)


class SingleCounter(OneAtATime[Add | Total]):
    def __init__(self) -> None:
        self.total = 0

    async def receive_one(self, message: Add | Total) -> None:
        if isinstance(message, Add):
            self.total += message.amount
        else:
            message.reply(self.total)


class PykkaCounter(pykka.ThreadingActor):
    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Add):
            self.total += message.amount
            return None
        return self.total


def per_second(count: int, run: Callable[[], int]) -> float:
    """Messages a second of `run`, which returns how many were counted."""
    begin = time.perf_counter()
    counted = run()
    spent = time.perf_counter() - begin
    if counted != count:
        raise AssertionError(f"{counted} messages counted of {count}")
    return count / spent


def pykka_tell(count: int) -> float:
    ref = PykkaCounter.start()

    def run() -> int:
        for _ in range(count):
            ref.tell(ONE)
        return ref.ask(Total())

    try:
        return per_second(count, run)
    finally:
        ref.stop()


def pykka_ask(count: int) -> float:
    ref = PykkaCounter.start()

    def run() -> int:
        for _ in range(count):
            ref.ask(Total())
        return count

    try:
        return per_second(count, run)
    finally:
        ref.stop()


def on_loop(main: Callable[[int], Coroutine[Any, Any, float]]) -> Callable[[int], float]:
    """`main`, on a uvloop of its own."""

    def run(count: int) -> float:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main(count))

    return run


async def timed(count: int, work: Coroutine[Any, Any, int]) -> float:
    begin = time.perf_counter()
    counted = await work
    spent = time.perf_counter() - begin
    if counted != count:
        raise AssertionError(f"{counted} messages counted of {count}")
    return count / spent


async def stream(count: int) -> float:
    sender, receiver = anyio.create_memory_object_stream[Add](CAPACITY)
    total = 0

    async def count_up() -> None:
        nonlocal total
        async for message in receiver:
            total += message.amount

    async def run() -> int:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(count_up)
            async with sender:
                for _ in range(count):
                    await sender.send(ONE)
        return total

    with receiver:
        return await timed(count, run())


def kernel(
    start: Callable[[], Actor[Any]], work: Callable[[ActorRef[Any], int], Coroutine[Any, Any, int]]
) -> Callable[[int], float]:
    """`work` on an actor in a system."""

    async def main(count: int) -> float:
        spec = SupervisorSpec("root", (ChildSpec("counter", start, capacity=CAPACITY),))
        async with ActorSystem(spec) as system:
            return await timed(count, work(system.ref("counter"), count))

    return on_loop(main)


async def tell(ref: ActorRef[Any], count: int) -> int:
    for _ in range(count):
        await ref.tell(ONE)
    return await ref.ask(Total(), timeout=60)


async def ask(ref: ActorRef[Any], count: int) -> int:
    for _ in range(count):
        await ref.ask(Total(), timeout=60)
    return count


async def ask_64(ref: ActorRef[Any], count: int) -> int:
    async with anyio.create_task_group() as tasks:
        for _ in range(64):
            tasks.start_soon(ask, ref, count // 64)
    return count // 64 * 64


CONTESTANTS: dict[str, tuple[int, Callable[[int], float]]] = {
    "kernel tell": (256_000, kernel(Counter, tell)),
    "kernel tell, one at a time": (128_000, kernel(SingleCounter, tell)),
    "pykka tell": (32_000, pykka_tell),
    "anyio stream send/receive": (32_000, on_loop(stream)),
    "kernel ask": (32_000, kernel(Counter, ask)),
    "kernel ask, 64 in flight": (32_000, kernel(Counter, ask_64)),
    "pykka ask": (6_400, pykka_ask),
}

TARGETS = (
    ("kernel tell", "pykka tell", 10.0),
    ("kernel tell", "anyio stream send/receive", 20.0),
    ("kernel ask", "pykka ask", 4.0),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 0 if every target is met, 1 if not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the messages to send")
    scale = parser.parse_args(arguments).scale
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    figures: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for _ in range(ROUNDS):
        for name, (count, run) in CONTESTANTS.items():
            figures[name].append(run(math.ceil(count * scale / 64) * 64))
    best = {name: max(rounds) for name, rounds in figures.items()}
    print(f"messages a second on one core, uvloop {uvloop.__version__}, best of {ROUNDS} rounds (median)\n")
    for name, rounds in figures.items():
        print(f"  {name:<28}{best[name]:>12,.0f}   ({statistics.median(rounds):,.0f})")
    print()
    met = True
    for name, baseline, target in TARGETS:
        ratio = best[name] / best[baseline]
        met &= ratio >= target
        verdict = "PASS" if ratio >= target else "FAIL"
        print(f"  {verdict}  {name} is {ratio:.1f} x {baseline}; at least {target:g} x wanted")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
