"""The composition root: the supervision tree as data, and what hangs on it.

    /                    one_for_one
    ├─ keeper            segments ahead, syncs by the clock, retention
    ├─ broadcast         frames for subscribers
    ├─ dead-letters      what a store can never take
    ├─ stores            one_for_one
    │  └─ <store>        one persistence actor a store
    ├─ ingest            journals and acknowledges
    ├─ realtime          frames on Supabase Realtime, where that is configured
    └─ server            HTTP and WebSocket

Started in this order and stopped in the reverse one: the server stops taking requests first, ingest
answers what it has, the stores get what remains of the time, and the journal is closed last of all.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import assert_never

import anyio
import structlog

from actors import __version__, kernel
from actors.broadcast import BroadcastActor, LivePort, Subscribers
from actors.config import Settings
from actors.core.dead_letters import Limits
from actors.core.persistence import RetryPolicy
from actors.core.retention import KeepWindow
from actors.core.senders import Senders
from actors.dead_letters.port import DeadLettersPort, NoDeadLetters
from actors.dead_letters.queue import DeadLettersActor
from actors.dead_letters.redriving import Redriving
from actors.edge import edge_settings
from actors.flags import FlagsPort
from actors.ingest import IngestActor, IngestPort, never_ahead
from actors.kernel import ActorRef, ActorStopped, ActorSystem, ChildSpec, KernelEvent, SupervisorSpec, Worker
from actors.machinery import Crashes, MachineryPort
from actors.messages import PersistenceMessage, Pull, Submit
from actors.past import PastPort
from actors.persistence import PersistenceActor, StoreProgress
from actors.persistence.breaker import StoreBreaker
from actors.persistence.burial import Burial
from actors.pressure import PressureGauge
from actors.realtime.part import RealtimePart
from actors.retention import KeeperActor
from actors.status import DeadLetterBook, StatusPort
from actors.stores.base import HistoryStore
from actors.stores.history import StoreHistory
from journal.events import (
    ActorCrashed,
    ActorRestarted,
    BreakerMoved,
    Event,
    MessageDeadLettered,
    SupervisorEscalated,
)
from journal.keys import KeyIndex
from journal.log import Journal, JournalClosedError
from journal.state import BreakerState
from web.ports import Ports, Refused
from web.server import BACKLOG, PortUnavailableError, make_server

SERVER_SHUTDOWN = 10.0
"""Seconds that requests under way get to finish, at most."""

MAX_TRACEBACK = 8_000
"""Characters of a traceback that go into the journal, from its end."""

log = structlog.get_logger("supervisor")


class ServerWorker(Worker):
    """The web server. It listens on `listener` for as long as the process lives, restarts included."""

    def __init__(self, ports: Ports, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        self._server = make_server(ports, host, port)
        self._listener = listener
        self._address = host, port

    async def started(self) -> None:
        """Listen: who is told that Forebay is ready may connect at once. Raises PortUnavailableError."""
        try:
            self._listener.listen(BACKLOG)
        except OSError as error:
            # Another process had bound it too, as is allowed, and was faster.
            raise PortUnavailableError(*self._address, error) from error

    async def run(self) -> None:
        """See Worker."""
        # A copy: the server closes what it is given, and a restarted one needs it again.
        await self._server.serve([self._listener.dup()])

    def request_stop(self) -> None:
        """See Worker. New clients are refused from now on, rather than left to wait for nobody."""
        self._server.request_stop()
        self._listener.close()


class Forebay:
    """One journal, its stores and its edge, composed; `system` is the running tree. `dead_letters` is the
    journal of the dead-letter queue, in `dead_letters_directory`; None where the queue is switched off."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        stores: list[HistoryStore],
        keys: KeyIndex,
        listener: socket.socket,
        dead_letters: Journal | None,
        *,
        dead_letters_directory: str,
        now: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.settings = settings
        self.journal = journal
        self._now = now
        self._keys_now = never_ahead(now, monotonic)
        self._stores = stores
        self._keys = keys
        self._listener = listener
        host, port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._subscribers = Subscribers(journal.next_offset)
        self._flags = FlagsPort(journal, now)
        self._senders = Senders(now())
        self._crashes = Crashes(now())
        self.dead_letters = dead_letters
        self._dead_letters_directory = dead_letters_directory
        self._feeding = settings.resilience.metrics_persister_enabled
        self._redriving = {store.name: Redriving() for store in stores if self._feeding}
        self._progress = {
            store.name: StoreProgress(store.name, journal, self._breaker(store.name), fed=self._feeding)
            for store in stores
        }
        self._limits = Limits(settings.dlq_max_items, settings.dlq_max_age_days)
        book = DeadLetterBook(dead_letters, self._limits, self._redriving)
        self.status = StatusPort(journal, self._progress, lambda: self.system.tree(), book, now)
        self._realtime = RealtimePart(
            settings, str(journal.id), self._subscribers, self._flags, self.status, now
        )
        self.system = ActorSystem(self._tree(), observe=self._observe)

    def begin_shutdown(self, timeout: float) -> None:
        """Readiness goes false, and everybody stops in order; draining ends `timeout` seconds from now."""
        for progress in self._progress.values():
            progress.end_at(anyio.current_time() + timeout)
        self.status.stopping = True
        self.system.request_stop()

    def _tree(self) -> SupervisorSpec:
        settings = self.settings
        graceful = settings.metrics_persister.graceful_shutdown_timeout
        return SupervisorSpec(
            id="forebay",
            intensity=10,
            period=60.0,
            children=(
                ChildSpec("keeper", self._keeper, capacity=64, overflow="drop-oldest"),
                ChildSpec("broadcast", self._broadcast, capacity=1024, overflow="drop-oldest"),
                *self._dead_letters_child(),
                SupervisorSpec(
                    id="stores",
                    intensity=10,
                    period=60.0,
                    children=tuple(
                        ChildSpec(
                            _child_id(store.name),
                            lambda store=store: self._persistence(store),
                            capacity=64,
                            shutdown=graceful + 1.0,
                        )
                        for store in self._stores
                        if self._feeding
                    ),
                ),
                ChildSpec(
                    "ingest",
                    self._ingest,
                    capacity=settings.ingest_mailbox,
                    overflow="reject",
                    shutdown=SERVER_SHUTDOWN,
                ),
                *self._realtime.children(),
                ChildSpec("server", self._server, shutdown=min(SERVER_SHUTDOWN, graceful)),
            ),
        )

    def _keeper(self) -> KeeperActor:
        settings = self.settings
        return KeeperActor(
            self.journal,
            window=lambda: KeepWindow(self.settings.keep_days, self.settings.keep_bytes),
            cursors=lambda: [progress.needed_from for progress in self._progress.values()],
            sync_interval=settings.sync_interval if settings.durability == "interval" else None,
            now=self._now,
        )

    def _broadcast(self) -> BroadcastActor:
        return BroadcastActor(
            self._subscribers, self.status, frames_per_second=self.settings.frames_per_second
        )

    def _dead_letters_child(self) -> tuple[ChildSpec, ...]:
        journal = self.dead_letters
        if journal is None:
            return ()
        refs: dict[str, Callable[[], ActorRef[PersistenceMessage]]] = {
            store.name: lambda store=store: self.system.ref(f"stores/{_child_id(store.name)}")
            for store in self._stores
            if self._feeding
        }
        return (
            ChildSpec(
                "dead-letters",
                lambda: DeadLettersActor(
                    journal,
                    self.journal,
                    refs,
                    self._redriving,
                    limits=self._limits,
                    now=self._now,
                    redriven=lambda store, letters: self._progress[store].redriven(letters),
                ),
                capacity=1024,
            ),
        )

    def _breaker(self, store: str) -> StoreBreaker | None:
        if not self.settings.resilience.circuit_breaker_enabled:
            return None
        persister = self.settings.metrics_persister
        return StoreBreaker(
            store,
            self.journal.state.breakers.get(store, BreakerState()),
            threshold=persister.circuit_breaker_threshold,
            timeout=persister.circuit_breaker_timeout,
            now=self._now,
            moved=self._breaker_moved,
        )

    def _breaker_moved(self, event: BreakerMoved) -> None:
        tell = log.warning if event.state == "open" else log.info
        tell("circuit breaker", store=event.store, state=event.state, failures=event.failures, by=event.by)
        self._remember(event)

    def _persistence(self, store: HistoryStore) -> PersistenceActor:
        settings = self.settings
        queue = self.system.ref("dead-letters") if self.dead_letters is not None else None
        persister, retry = settings.metrics_persister, settings.resilience.retry_enabled
        return PersistenceActor(
            self.journal,
            store,
            self._progress[store.name],
            most_rows=settings.store_batch_rows,
            timeout=settings.store_timeout,
            keep_days=settings.store_keep_days or None,
            hold_after=settings.dlq_hold_after,
            policy=RetryPolicy(
                factor=persister.retry_backoff_factor,
                max_attempts=persister.retry_max_attempts if retry else 1,
            ),
            burial=Burial(store.name, self._dead_letters_directory, queue, self._now),
            pressure=PressureGauge(self.journal).read,
            now=self._now,
        )

    def _ingest(self) -> IngestActor:
        broadcast = self.system.ref("broadcast")
        return IngestActor(self.journal, self._keys, broadcast, self._keys_now, self._senders)

    def _server(self) -> ServerWorker:
        ports = Ports(
            ingest=IngestPort(self.system.ref("ingest"), self._subscribers.wants, self._senders.count),
            live=LivePort(self._subscribers, self.journal, self.status, __version__),
            status=self.status,
            history=self._history(),
            dead_letters=self.dead_letters_port(),
            past=PastPort(self.journal, self._now),
            flags=self._flags,
            realtime=self._realtime.port,
            machinery=MachineryPort(
                self.journal,
                self._progress,
                self._senders,
                self._crashes,
                self.system.tree,
                self._pull,
                self._now,
            ),
            settings=edge_settings(self.settings),
        )
        return ServerWorker(ports, self._listener)

    def _history(self) -> StoreHistory:
        store = self._stores[0]
        progress = self._progress[store.name]
        return StoreHistory(store, timeout=self.settings.store_timeout, away=lambda: progress.away)

    def dead_letters_port(self) -> DeadLettersPort | NoDeadLetters:
        """The queue as the edge asks it."""
        if self.dead_letters is None:
            return NoDeadLetters()
        queue = self.dead_letters
        return DeadLettersPort(queue, self.journal, self._redriving, lambda: self.system.ref("dead-letters"))

    def _pull(self, store: str) -> None:
        with contextlib.suppress(ActorStopped):
            self.system.ref(f"stores/{_child_id(store)}").try_tell(Pull())

    def _observe(self, event: KernelEvent) -> None:
        """Log what happens in the tree, and journal what must be remembered of it."""
        match event:
            case kernel.ActorCrashed(path=path, error=error, traceback=text):
                log.error("actor crashed", actor=path, error=repr(error), traceback=text)
                self._crashes.note(path, repr(error), text[-MAX_TRACEBACK:], self._now())
                self._remember(ActorCrashed(path, repr(error), text[-MAX_TRACEBACK:]))
            case kernel.ActorRestarted(path=path, delay=delay):
                log.warning("actor restarted", actor=path, delay=delay)
                self._remember(ActorRestarted(path, delay))
            case kernel.SupervisorEscalated(path=path, error=error):
                log.error("supervisor gave up", supervisor=path, error=repr(error))
                self._remember(SupervisorEscalated(path, repr(error)))
            case kernel.MessageDeadLettered(path=path, message=message, error=error):
                if isinstance(message, Submit):
                    message.receive(Refused("failed", "this request could not be handled; nothing was taken"))
                log.error("message given up", actor=path, message=type(message).__name__, error=repr(error))
                self._remember(MessageDeadLettered(path, type(message).__name__, repr(error)))
            case kernel.MessagesLeft(path=path, count=count):
                log.warning("messages left behind", actor=path, count=count)
            case kernel.ActorStarted() | kernel.ActorEnded():
                pass
            case _:
                assert_never(event)

    def _remember(self, event: Event) -> None:
        with contextlib.suppress(JournalClosedError):
            # Nobody waits for it; a journal that cannot take it says so itself.
            self.journal.append([event]).add_done_callback(lambda done: done.cancelled() or done.exception())


def _child_id(store: str) -> str:
    return store.replace("/", "|")
