"""What can be seen of the running process, and moved by hand: `web.machinery.Machinery`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Literal

import anyio

from actors.core.senders import Senders
from actors.kernel import ActorInfo
from actors.persistence import StoreProgress
from journal.committer import JournalFailedError, JournalFullError
from journal.log import Journal
from journal.metric import Nanoseconds, Offset
from journal.state import MovedBy
from web.machinery import (
    BreakerNow,
    BreakerOff,
    CrashAnswer,
    LastCrash,
    MoveAnswer,
    NoCrash,
    NoSuchPart,
    SegmentSeen,
    SendersReport,
)

NOTED_WITHIN = 5.0
"""Seconds that a person waits for the journal to have what was moved by hand."""


class Crashes:
    """The last traceback of each actor of the tree, from this process alone: as many as there are actors."""

    def __init__(self, since: Nanoseconds) -> None:
        self.since = since
        self._tracebacks: dict[str, tuple[str, str, Nanoseconds]] = {}

    def note(self, path: str, error: str, traceback: str, at: Nanoseconds) -> None:
        """The actor at `path` has crashed."""
        self._tracebacks[path] = error, traceback, at

    def last(self, path: str) -> tuple[str, str, Nanoseconds] | None:
        """Error, traceback and time of the last one."""
        return self._tracebacks.get(path)


class MachineryPort:
    """See web.machinery.Machinery. `pull` tells a store's actor that there may be something to do."""

    def __init__(
        self,
        journal: Journal,
        progress: Mapping[str, StoreProgress],
        senders: Senders,
        crashes: Crashes,
        tree: Callable[[], ActorInfo],
        pull: Callable[[str], None],
        now: Callable[[], Nanoseconds],
    ) -> None:
        self._journal = journal
        self._progress = progress
        self._senders = senders
        self._crashes = crashes
        self._tree = tree
        self._pull = pull
        self._now = now

    def segments(self) -> list[SegmentSeen]:
        """See web.machinery.Machinery."""
        segments, frontier = self._journal.segments, self._journal.frontier
        sealed = [
            SegmentSeen(
                each.name,
                each.first_offset,
                Offset(following.first_offset - 1),
                each.created_at,
                each.size,
                each.size,
                "sealed",
            )
            for each, following in pairwise(segments)
        ]
        newest = segments[-1]
        active = SegmentSeen(
            newest.name,
            newest.first_offset,
            Offset(frontier.next_offset - 1),
            newest.created_at,
            frontier.byte,
            newest.size,
            "active",
        )
        return [*sealed, active]

    def crash(self, path: str) -> CrashAnswer:
        """See web.machinery.Machinery."""
        known = _paths(self._tree())
        last, counted = self._crashes.last(path), self._journal.state.actors.get(path)
        if path not in known and last is None and counted is None:
            return NoSuchPart(known)
        crashes = counted.crashes if counted is not None else 0
        restarts = counted.restarts if counted is not None else 0
        since = self._crashes.since
        if last is not None:
            error, traceback, at = last
            # The journal may not have heard of it yet.
            return LastCrash(path, error, traceback, at, max(1, crashes), restarts, since)
        if counted is not None and counted.crashes:
            return LastCrash(path, counted.last_error, "", counted.last_crash_at, crashes, restarts, since)
        return NoCrash()

    def senders(self, most: int) -> SendersReport:
        """See web.machinery.Machinery."""
        return self._senders.report(self._now(), most)

    async def move_breaker(self, store: str, position: Literal["open", "closed"]) -> MoveAnswer:
        """See web.machinery.Machinery."""
        progress = self._progress.get(store)
        if progress is None:
            return NoSuchPart(list(self._progress))
        breaker = progress.breaker
        if not progress.fed:
            return BreakerOff("persistence is switched off (RESILIENCE_METRICS_PERSISTER_ENABLED)")
        if breaker is None:
            return BreakerOff("circuit breakers are switched off (RESILIENCE_CIRCUIT_BREAKER_ENABLED)")
        if position == "open":
            breaker.switch_off()
        else:
            breaker.probe_now()
        moved = breaker.state
        self._pull(store)
        return BreakerNow(store, moved.position, moved.by, moved.since, await self._has(store, moved.by))

    async def _has(self, store: str, by: MovedBy) -> bool:
        """Whether the journal has it that the breaker of `store` was moved so."""
        with contextlib.suppress(JournalFailedError, JournalFullError), anyio.move_on_after(NOTED_WITHIN):
            await self._journal.sync()
        known = self._journal.state.breakers.get(store)
        return (known.by if known is not None else "") == by


def _paths(actor: ActorInfo) -> list[str]:
    return [actor.path, *(path for child in actor.children for path in _paths(child))]
