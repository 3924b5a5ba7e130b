"""`forebay run`: one process from lock to last sync.

Signals: the first SIGTERM or SIGINT shuts down in order, the second leaves at once, which is always safe:
what was acknowledged is in the journal. SIGHUP reads the configuration again.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Literal

import anyio
import structlog
import uvloop
from msgspec.structs import replace

from actors import __version__
from actors.config import ConfigurationError, Loaded, Settings, reload
from actors.logs import configure
from actors.persistence.ahead import not_behind
from actors.stores.factory import make_stores
from actors.supervisor import Forebay
from actors.systemd import Notifier, extend_timeout, ready, stopping, watchdog
from journal.committer import Options
from journal.disk import FileSystem, OsFileSystem, exclusive_lock
from journal.keys import KeyIndex
from journal.log import Journal
from journal.metric import Nanoseconds
from journal.recovery import Recovered
from web.server import bind

SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread gives up the interpreter. The journal's thread must get it soon after a
sync, or every client would wait for the 5 ms that are Python's default."""

GC_THRESHOLD = 50_000
"""Allocations between collections of young objects: metrics cannot form cycles, and pauses are latency."""

DEAD_LETTER_SEGMENT = 1024 * 1024
"""Bytes of a segment of the dead-letter queue: small, so that what has been settled is soon let go, and that
a queue in which nothing waits takes no room from journal and store on a small disk."""

EXTEND_EVERY = 5.0
"""Seconds between two requests for more time, while starting or stopping."""

LIVE_SETTINGS = frozenset({"keep_days", "keep_bytes", "log_level"})
"""What SIGHUP can change in a running process; the rest needs a restart."""

log = structlog.get_logger("forebay")


def run_process(loaded: Loaded, *, fs: FileSystem | None = None) -> int:
    """Run until told to stop; 0. Raises what keeps it from starting; see cli.exits for the codes.

    `fs` is the journal's FileSystem, the operating system's by default.
    """
    configure(loaded.settings.log_level, loaded.settings.log_format)
    for warning in loaded.warnings:
        log.warning(warning)
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.set_threshold(GC_THRESHOLD, 20, 100)
    settings = loaded.settings
    data = os.path.abspath(settings.data)
    os.makedirs(data, mode=0o750, exist_ok=True)
    with exclusive_lock(data):
        uvloop.run(_run(loaded, data, fs or OsFileSystem()))
    return 0


async def _run(loaded: Loaded, data: str, fs: FileSystem) -> None:
    settings = loaded.settings
    stores = make_stores(settings, data)
    heart = Heart(Notifier())
    signals = Signals(loaded, heart)
    with contextlib.closing(bind(settings.host, settings.port)) as listener, signals.handled():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(heart.beat)
            # With persistence switched off, no store is asked anything.
            fed = stores if settings.resilience.metrics_persister_enabled else []
            journal = await _open_journal(settings, data, fs, not_behind(fed, data))
            try:
                keys = _open_keys(os.path.join(data, "keys.db"), str(journal.id))
                letters = os.path.join(data, "dead-letters")
                try:
                    async with dead_letters_journal(settings, letters, fs) as queue:
                        forebay = Forebay(
                            settings, journal, stores, keys, listener, queue, dead_letters_directory=letters
                        )
                        await _supervise(forebay, signals, heart)
                finally:
                    keys.close()
            finally:
                await journal.close()
            log.info("stopped", next_offset=journal.next_offset)
            tasks.cancel_scope.cancel()


async def _open_journal(
    settings: Settings, data: str, fs: FileSystem, admit: Callable[[Recovered], Awaitable[None]]
) -> Journal:
    began = time.monotonic()
    journal = await Journal.open(
        os.path.join(data, "journal"),
        options=Options(settings.segment_bytes, settings.durability, version=__version__),
        fs=fs,
        admit=admit,
    )
    recovered = journal.recovered
    if recovered.torn is not None:
        log.warning(
            "the last write was unfinished and has been cut; nothing of it had been acknowledged",
            bytes=recovered.torn.end - recovered.torn.position,
            kept_in=recovered.evidence,
        )
    log.info(
        "journal open",
        journal_id=str(journal.id),
        next_offset=journal.next_offset,
        closed_in_order=recovered.state.clean,
        seconds=round(time.monotonic() - began, 3),
    )
    return journal


@contextlib.asynccontextmanager
async def dead_letters_journal(
    settings: Settings,
    directory: str,
    fs: FileSystem,
    *,
    now: Callable[[], Nanoseconds] = time.time_ns,
) -> AsyncGenerator[Journal | None]:
    """The journal of the dead-letter queue, open within the block; None where that is switched off."""
    if not (settings.resilience.dlq_enabled and settings.metrics_persister.dlq_enabled):
        yield None
        return
    options = Options(DEAD_LETTER_SEGMENT, version=__version__)
    journal = await Journal.open(directory, options=options, fs=fs, now=now)
    try:
        yield journal
    finally:
        await journal.close()


def _open_keys(path: str, journal_id: str) -> KeyIndex:
    try:
        return KeyIndex(path, journal_id)
    except sqlite3.OperationalError as error:
        # A full disk, a lock: no reason not to start. The journal has what it needs.
        log.error("idempotency keys are kept in memory", file=path, error=str(error))
        return KeyIndex(":memory:", journal_id)


async def _supervise(forebay: Forebay, signals: Signals, heart: Heart) -> None:
    """Start the tree, tell the world, wait for the end, stop the tree."""
    signals.concern(forebay)
    async with forebay.system as system:
        url = forebay.url
        heart.ready(url)
        log.info("ready", url=url, data=forebay.settings.data, pid=os.getpid())
        # What is there by now stays: no collection need look at it again.
        gc.freeze()
        await system.wait()
        heart.stopping()


class Heart:
    """Tells systemd, by the clock, that start-up or shutdown goes on, and that the process is alive."""

    def __init__(self, notifier: Notifier) -> None:
        self.notifier = notifier
        self._phase: Literal["starting", "running", "stopping"] = "starting"

    def ready(self, url: str) -> None:
        """Requests are taken from now on."""
        self._phase = "running"
        self.notifier.send(ready(f"taking metrics at {url}"))

    def stopping(self) -> None:
        """Shutdown has begun."""
        self._phase = "stopping"
        self.notifier.send(stopping("bringing the stores up to date"))

    async def beat(self) -> None:
        """Until cancelled."""
        every = self.notifier.watchdog_every
        pause = min(every, EXTEND_EVERY) if every is not None else EXTEND_EVERY
        while True:
            if self._phase != "running":
                self.notifier.send(extend_timeout(3 * EXTEND_EVERY))
            if every is not None:
                self.notifier.send(watchdog())
            await anyio.sleep(pause)


class Signals:
    """What the process does when it is told something from outside."""

    def __init__(self, loaded: Loaded, heart: Heart) -> None:
        self._forebay: Forebay | None = None
        self._loaded = loaded
        self._heart = heart
        self._asked = False
        self._reload_asked = False

    def concern(self, forebay: Forebay) -> None:
        """Stop and reload `forebay` from now on; before, there is nothing to stop in order."""
        self._forebay = forebay
        if self._reload_asked:
            self._reload()

    @contextlib.contextmanager
    def handled(self) -> Generator[None]:
        """Handle SIGTERM, SIGINT and SIGHUP until the block ends."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._stop, each)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        try:
            yield
        finally:
            for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(each)

    def _stop(self, which: signal.Signals) -> None:
        if self._asked:
            log.warning("stopping at once; what was accepted is in the journal", signal=which.name)
            # Nothing may hold it up now, no thread, no time-out.
            os._exit(128 + which)
        self._asked = True
        if self._forebay is None:
            # Nothing has been accepted yet, and recovery may be cut off anywhere, as by a crash.
            self._heart.stopping()
            log.info("stopping before it had started", signal=which.name)
            os._exit(0)
        settings = self._forebay.settings
        timeout = settings.metrics_persister.graceful_shutdown_timeout
        if not settings.resilience.graceful_shutdown_enabled:
            timeout = 0.0
        log.info("stopping; once more stops at once", signal=which.name, timeout=timeout)
        self._forebay.begin_shutdown(timeout)

    def _reload(self) -> None:
        if self._forebay is None:
            self._reload_asked = True
            return
        notifier = self._heart.notifier
        notifier.reloading()
        try:
            fresh = reload(self._loaded)
        except ConfigurationError as error:
            for problem in error.problems:
                log.error("configuration not reloaded", problem=str(problem))
        else:
            self._apply(fresh, self._forebay)
        self._heart.ready(self._forebay.url)

    def _apply(self, fresh: Loaded, forebay: Forebay) -> None:
        old = {each.key: each for each in self._loaded.effective()}
        changed = [each for each in fresh.effective() if each.value != old[each.key].value]
        for each in changed:
            now = each.key in LIVE_SETTINGS
            log.info("setting changed" if now else "setting changed, from the next start", setting=each.key)
        now_in_force = {key: getattr(fresh.settings, key) for key in LIVE_SETTINGS}
        forebay.settings = replace(forebay.settings, **now_in_force)
        configure(fresh.settings.log_level, fresh.settings.log_format)
        self._loaded = fresh
        log.info("configuration reloaded", changed=len(changed))
