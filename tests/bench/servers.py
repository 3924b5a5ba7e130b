"""Servers to measure against: `python -m tests.bench.servers NAME DATA PORT`.

decode    the same edge, whose ingest answers at once: what the journal costs is the difference
slow      the real process with 5 ms added to every sync, behind the FileSystem port
storeless the real process whose store never opens: journaling alone, on the core that serves
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from typing import Any

import anyio
import uvloop

import actors.process
from actors.config import load_settings
from actors.process import run_process
from actors.stores.base import BatchRange, OutageError
from journal.disk import File, FileSystem, OsFileSystem
from journal.metric import Metric, Offset
from web.ports import Accepted, EdgeSettings, Frame, Ports, Receipt
from web.server import bind, make_server

SLOW_SYNC = 0.005


class SlowFile:
    """A File whose `sync` takes longer."""

    def __init__(self, file: File) -> None:
        self._file = file
        self.read_at, self.write_at, self.size = file.read_at, file.write_at, file.size
        self.truncate, self.forget, self.close = file.truncate, file.forget, file.close

    def sync(self) -> None:
        time.sleep(SLOW_SYNC)
        self._file.sync()


class SlowDisk(OsFileSystem):
    """The operating system's disk, 5 ms slower to sync."""

    def open(self, path: str, *, create: bool = False, write: bool = True) -> File:
        return SlowFile(super().open(path, create=create, write=write))


class DecodeOnly:
    """An Ingest that answers at once and keeps nothing."""

    def __init__(self) -> None:
        self._next = 0

    def offer(
        self, metrics: list[Metric], key: str, receive: Callable[[Receipt], None], sent: bytes = b""
    ) -> None:
        first = self._next
        self._next += len(metrics)
        receive(Accepted(len(metrics), Offset(first), Offset(self._next - 1), "os"))


class Nothing:
    """Every other port of the edge, none of which is asked here."""

    def not_ready(self) -> list[str]:
        return []

    def report(self) -> Any:
        raise NotImplementedError

    series = names = sessions = report

    def hello(self) -> Frame:
        return Frame("{}")

    async def backfill(self, first: Offset, until: Offset) -> AsyncIterator[Frame]:
        return
        yield

    @contextmanager
    def subscribe(self, sink: Any) -> Any:
        yield Offset(0)


class Gone:
    """A store that is away for as long as the process lives."""

    name = "gone"
    batch = BatchRange(1, 1)

    async def open(self, journal_id: str) -> Offset | None:
        raise OutageError(self.name, "away")

    async def look(self, journal_id: str) -> Offset | None:
        raise OutageError(self.name, "away")

    async def close(self) -> None:
        return


async def _decode(port: int) -> None:
    nothing: Any = Nothing()
    server = make_server(
        Ports(DecodeOnly(), nothing, nothing, nothing, EdgeSettings(), nothing, nothing, nothing, nothing),
        "127.0.0.1",
        port,
    )
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [bind("127.0.0.1", port)])
            async for _ in signals:
                server.request_stop()
                break


def main(name: str, data: str, port: str) -> int:
    if name == "decode":
        uvloop.run(_decode(int(port)))
        return 0
    fs: FileSystem | None = None
    if name == "slow":
        fs = SlowDisk()
    elif name == "storeless":
        actors.process.make_stores = lambda urls, directory: [Gone()]  # type: ignore[assignment]
    else:
        raise SystemExit(f"no server {name!r}")
    return run_process(load_settings({"data": data, "port": int(port)}), fs=fs)


if __name__ == "__main__":
    os.environ.setdefault("FOREBAY_LOG_LEVEL", "warning")
    sys.exit(main(*sys.argv[1:]))
