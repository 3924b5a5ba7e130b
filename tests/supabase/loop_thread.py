"""An event loop of its own, for what must live longer than the loop of one test."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """A thread that runs an event loop until `close`."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the loop, wait for it, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """Cancel what still runs, wait for it, and end the thread."""
        if not self._loop.is_closed():
            self.call(_cancel_the_others())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


async def _cancel_the_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def removed(rule_removed: Future[None]) -> None:
    """Return when the rule has been removed; cancelling this leaves the rule as it is."""
    await asyncio.shield(asyncio.wrap_future(rule_removed))


async def first(waits: list[asyncio.Task[None]], seconds: float | None = None) -> bool:
    """Wait for the first of `waits`, at most `seconds`, and cancel the others; whether one came."""
    try:
        done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return bool(done)


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with a TCP reset, whatever was still to be sent."""
    sock = writer.get_extra_info("socket")
    if sock.fileno() < 0:
        # Whoever stops the server was faster.
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def drained(reader: asyncio.StreamReader) -> None:
    """Return when the other side has closed or reset; what it sends until then is thrown away."""
    try:
        while await reader.read(65_536):
            pass
    except ConnectionError:
        pass
