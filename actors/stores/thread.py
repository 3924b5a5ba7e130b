"""One thread that runs calls one after another: where a blocking library is kept off the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Call(Generic[T]):
    """A function to run, and the future that waits for it."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self._loop.create_future()

    def run(self) -> None:
        """Run the function on this thread and settle the future on its loop."""
        try:
            settle, outcome = self._set_result, self._function()
        except BaseException as error:  # noqa: BLE001 it is raised again, where the caller waits
            settle, outcome = self._set_exception, error
        with contextlib.suppress(RuntimeError):  # the loop is gone, and so is whoever waited
            self._loop.call_soon_threadsafe(settle, outcome)

    def _set_result(self, result: Any) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def _set_exception(self, error: Any) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class DedicatedThread:
    """Runs calls in order, on a thread of its own.

    It is a daemon: a call that hangs (a dead disk, a stuck network file system) must not keep the process
    from leaving. What it was doing is then cut off as by a crash.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._running: _Call[Any] | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[[], T], interrupt: Callable[[], object] | None = None) -> T:
        """What `function` returns or raises, run after all calls before it.

        A call that is cancelled while it waits is never run. One that is cancelled while it runs goes on
        to its end unless `interrupt`, called from another thread and only while it runs, cuts it short.
        """
        call = _Call(function)
        self._calls.put(call)
        try:
            return await call.future
        except asyncio.CancelledError:
            with self._lock:
                if interrupt is not None and self._running is call:
                    interrupt()
            raise

    def stop(self) -> None:
        """End the thread after the calls that wait; does not wait for it."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            if not call.future.cancelled():
                with self._lock:
                    self._running = call
                call.run()
                with self._lock:
                    self._running = None
            del call  # an idle thread keeps no batch alive
