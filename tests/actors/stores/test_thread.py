from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from actors.stores.thread import DedicatedThread


@pytest.fixture
def thread() -> Iterator[DedicatedThread]:
    thread = DedicatedThread("under test")
    yield thread
    thread.stop()


async def test_calls_run_in_order_on_one_other_thread(thread: DedicatedThread) -> None:
    """Calls made together run one after another, all on the same thread, which is not the loop's."""
    order: list[int] = []

    def call(at: int) -> int:
        order.append(at)
        return threading.get_ident()

    idents = await asyncio.gather(*(thread.call(lambda at=at: call(at)) for at in range(20)))
    assert order == list(range(20))
    assert len(set(idents)) == 1
    assert threading.get_ident() not in idents


async def test_an_error_is_raised_where_the_caller_waits(thread: DedicatedThread) -> None:
    """The thread survives what a call raises, and the caller gets it."""
    with pytest.raises(ZeroDivisionError):
        await thread.call(lambda: 1 // 0)
    assert await thread.call(lambda: 1) == 1


async def test_a_call_cancelled_while_waiting_is_not_run(thread: DedicatedThread) -> None:
    """What nobody waits for any more and has not begun is left out."""
    gate, ran = threading.Event(), threading.Event()
    first = asyncio.ensure_future(thread.call(gate.wait))
    second = asyncio.ensure_future(thread.call(ran.set))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    gate.set()
    await first
    await thread.call(lambda: None)
    assert not ran.is_set()


async def test_a_running_call_goes_on_when_it_is_cancelled(thread: DedicatedThread) -> None:
    """Without an interrupt, what has begun is finished."""
    begun, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        gate.wait()
        ended.set()

    call = asyncio.ensure_future(thread.call(work))
    await asyncio.to_thread(begun.wait)
    call.cancel()
    await asyncio.wait([call])
    gate.set()
    await thread.call(lambda: None)
    assert ended.is_set()


async def test_only_the_running_call_is_interrupted(thread: DedicatedThread) -> None:
    """A cancelled call's interrupt is used while that call runs, and not on the one before it."""
    begun, gate, other = threading.Event(), threading.Event(), threading.Event()
    running = asyncio.ensure_future(thread.call(lambda: (begun.set(), gate.wait()), gate.set))
    waiting = asyncio.ensure_future(thread.call(lambda: None, other.set))
    await asyncio.to_thread(begun.wait)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not other.is_set()
    running.cancel()
    await asyncio.wait([running])
    await asyncio.wait_for(thread.call(lambda: None), 60)
    assert gate.is_set()
