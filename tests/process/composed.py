"""The whole tree, as `forebay run` composes it, in the event loop of a test."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from actors.config import Settings
from actors.ingest import IngestPort
from actors.messages import Submit
from actors.process import dead_letters_journal
from actors.stores.base import HistoryStore
from actors.supervisor import Forebay
from journal.committer import Options
from journal.disk import FileSystem, OsFileSystem
from journal.keys import KeyIndex
from journal.log import Journal
from journal.metric import Metric, Nanoseconds, Offset
from journal.reader import reading_own
from tests.contracts.ingest_suite import Caller
from web.ports import Accepted, Receipt
from web.server import bind

SEGMENT = 1024 * 1024


class Composed:
    """What runs, and what it stands on."""

    def __init__(self, forebay: Forebay, journal: Journal, keys: KeyIndex) -> None:
        self.forebay = forebay
        self.journal = journal
        self.keys = keys
        self.ingest = IngestPort(forebay.system.ref("ingest"), lambda count: True)

    async def offer(self, count: int = 1, key: str = "") -> Accepted:
        """The receipt of one request of `count` metrics."""
        caller = Caller(self.ingest)
        caller.offer(count, key)
        [receipt] = await caller.accepted()
        return receipt

    def poison(self) -> list[Receipt]:
        """Put a message that kills the actor into ingest's mailbox; what it is answered will be here."""
        heard: list[Receipt] = []
        message = Submit(None, 1, (), heard.append)  # type: ignore[arg-type]
        assert self.forebay.system.ref("ingest").try_tell(message)
        return heard

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.forebay.url, timeout=20, trust_env=False)

    def actor(self, path: str) -> Any:
        """What the tree says of the actor at `path`."""
        found = [self.forebay.system.tree()]
        while found:
            info = found.pop()
            if info.path == path:
                return info
            found += info.children
        raise LookupError(path)

    async def journaled(self) -> list[Metric]:
        """Every metric in the journal, in order."""
        async with reading_own(self.journal, Offset(0)) as reader:
            found: list[Metric] = []
            while records := await reader.read():
                for record in records:
                    for event in record.events():
                        found += getattr(event, "metrics", [])
            return found


@asynccontextmanager
async def composed(
    home: Path,
    stores: Sequence[HistoryStore],
    *,
    fs: FileSystem | None = None,
    settings: Settings | None = None,
    now: Callable[[], Nanoseconds] = time.time_ns,
    monotonic: Callable[[], Nanoseconds] = time.monotonic_ns,
    drain: float = 5.0,
) -> AsyncIterator[Composed]:
    """The running system within the block, over the journal in `home`; then stopped as SIGTERM does it."""
    settings = settings or Settings(data=str(home), segment_bytes=SEGMENT)
    await asyncio.to_thread(home.mkdir, exist_ok=True)
    journal = await Journal.open(
        str(home / "journal"), options=Options(settings.segment_bytes, settings.durability), fs=fs, now=now
    )
    try:
        with (
            contextlib.closing(KeyIndex(str(home / "keys.db"), str(journal.id))) as keys,
            contextlib.closing(bind("127.0.0.1", 0)) as listener,
        ):
            letters = str(home / "dead-letters")
            async with dead_letters_journal(settings, letters, fs or OsFileSystem(), now=now) as queue:
                forebay = Forebay(
                    settings,
                    journal,
                    list(stores),
                    keys,
                    listener,
                    queue,
                    dead_letters_directory=letters,
                    now=now,
                    monotonic=monotonic,
                )
                async with forebay.system:
                    yield Composed(forebay, journal, keys)
                    forebay.begin_shutdown(drain)
    finally:
        await journal.close()


async def until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Return when `condition` holds. Raises TimeoutError."""
    end = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > end:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(0.005)
