"""The ingest actor: appends what the receivers took, and acknowledges when it is durable.

It does not wait for a commit before it takes the next batch: appends gather in the journal, whose thread
commits them together. What is under way is bounded; beyond it the mailbox fills, and the edge says 503.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import TypeAlias

import anyio.to_thread
import structlog

from actors.core.senders import SenderId, Senders, count_senders
from actors.kernel import Actor, ActorRef, ActorStopped
from actors.messages import Arrived, BroadcastMessage, IndexKeys, IngestMessage, Submit
from journal.committer import JournalFailedError, JournalFullError
from journal.events import MetricsAsSent, pack_metrics
from journal.keys import KEPT_FOR, KeptReceipt, KeyIndex, digest, keys_of
from journal.log import Appended, Journal, JournalClosedError
from journal.metric import Metric, Nanoseconds, Offset
from journal.reader import reading_own
from journal.segment import first_within
from web.ports import Accepted, Receipt, Refused

CountSenders: TypeAlias = Callable[[Sequence[Metric]], Mapping[SenderId, int]]

MAX_UNCOMMITTED = 65_536
"""Metrics appended and not yet committed, at most; about four records of the journal."""

CATCH_UP_BYTES = 4 * 1024 * 1024

INDEX_EVERY = 1.0
"""Seconds between two writings of accepted keys to the index."""

MAX_UNINDEXED = 200_000
"""Accepted keys that wait for an index that cannot be written; beyond it, keyed requests are refused."""

NO_INDEX = Refused("failed", "idempotency keys cannot be looked up now; nothing was taken", retry_after=1.0)

log = structlog.get_logger("ingest")


class IngestActor(Actor[IngestMessage]):
    """Journals Submits in the order in which they came."""

    def __init__(
        self,
        journal: Journal,
        keys: KeyIndex,
        broadcast: ActorRef[BroadcastMessage],
        now: Callable[[], Nanoseconds],
        senders: Senders,
    ) -> None:
        self._journal = journal
        self._senders = senders
        self._keys = keys
        self._broadcast = broadcast
        self._now = now
        self._uncommitted = 0
        self._under_way: set[asyncio.Future[Appended]] = set()
        self._waiting_for_key: dict[bytes, list[Submit]] = {}
        self._unindexed: dict[bytes, KeptReceipt] = {}
        self._acknowledged = keys.upto
        self._sequence = -1

    async def started(self) -> None:
        """Bring the index of keys up to date with the journal, then take requests."""
        try:
            await self._catch_up()
        except sqlite3.Error as error:
            # No reason not to start: the journal has what is needed, and the next start tries again.
            log.error("idempotency keys are kept in memory", file=self._keys.path, error=str(error))
            await anyio.to_thread.run_sync(self._keys.keep_in_memory)
            await self._catch_up()
        self.context.every(INDEX_EVERY, IndexKeys())

    async def receive(self, messages: Sequence[IngestMessage]) -> None:
        """See Actor."""
        submits = [message for message in messages if isinstance(message, Submit)]
        plain = [submit for submit in submits if not submit.event.key]
        keyed = [submit for submit in submits if submit.event.key]
        # Nothing may fail behind the first append: a batch that killed the actor is delivered again.
        known = await self._find(keyed)
        if plain:
            self._append(plain)
        if known is not None:
            self._append_keyed(keyed, known)
        else:
            for each in keyed:
                each.receive(NO_INDEX)
        if len(submits) < len(messages):
            await self._index_keys()
        while self._uncommitted > MAX_UNCOMMITTED:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def stopped(self) -> None:
        """Wait for what is under way, so that each request is answered."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        await self._index_keys()

    def _append(self, submits: Sequence[Submit]) -> None:
        count = sum(submit.count for submit in submits)
        try:
            appended = self._journal.append([submit.event for submit in submits])
        except JournalClosedError as error:
            self._answer(submits, error, 0)
            return
        self._under_way.add(appended)
        self._uncommitted += count

        def done(appended: asyncio.Future[Appended]) -> None:
            self._under_way.discard(appended)
            self._uncommitted -= count
            error = appended.exception()
            if error is None:
                self._acknowledge(appended.result(), count, submits)
            else:
                self._answer(submits, error, 0)

        appended.add_done_callback(done)

    def _acknowledge(self, appended: Appended, count: int, submits: Sequence[Submit]) -> None:
        self._answer(submits, None, appended.first_offset)
        for submit in submits:
            self._senders.saw(submit.senders, appended.time)
        first = submits[0]
        if first.event.key:  # such a one is appended alone
            kept = KeptReceipt(appended.first_offset, first.count, appended.time)
            self._unindexed[digest(first.event.key)] = kept
        self._acknowledged = end = Offset(appended.first_offset + count)
        self._sequence += 1
        heard = takewhile(lambda submit: submit.metrics, submits)
        metrics = [metric for submit in heard for metric in submit.metrics]
        # On the way down the mailbox is closed; subscribers have been told goodbye.
        with contextlib.suppress(ActorStopped):
            self._broadcast.try_tell(
                Arrived(self._sequence, appended.first_offset, end, appended.time, metrics)
            )

    def _answer(self, submits: Sequence[Submit], error: BaseException | None, offset: int) -> None:
        refused = None if error is None else refusal(error)
        for submit in submits:
            receipt = refused or self._accepted(offset, submit.count)
            submit.receive(receipt)
            if submit.event.key:
                for repeat in self._waiting_for_key.pop(digest(submit.event.key), ()):
                    repeat.receive(receipt)
            offset += submit.count

    def _accepted(self, first_offset: int, count: int) -> Accepted:
        last = Offset(first_offset + count - 1)
        return Accepted(count, Offset(first_offset), last, self._journal.options.durability)

    async def _find(self, submits: Sequence[Submit]) -> dict[bytes, KeptReceipt] | None:
        """What is known of the keys of `submits`; None where the index does not answer."""
        if not submits:
            return {}
        if len(self._unindexed) > MAX_UNINDEXED:
            return None
        wanted = [digest(submit.event.key) for submit in submits]
        try:
            return await anyio.to_thread.run_sync(self._keys.find, wanted, self._now() - KEPT_FOR)
        except sqlite3.Error as error:
            log.error("the index of idempotency keys cannot be read", file=self._keys.path, error=str(error))
            return None

    def _append_keyed(self, submits: Sequence[Submit], known: Mapping[bytes, KeptReceipt]) -> None:
        """Each key once: a repeat gets the answer of the first, at once or when that is committed."""
        since = self._now() - KEPT_FOR
        for submit in submits:
            key = digest(submit.event.key)
            kept = self._unindexed.get(key) or known.get(key)
            if kept is not None and kept.time >= since:
                submit.receive(self._accepted(kept.first_offset, kept.metrics))
            elif key in self._waiting_for_key:
                self._waiting_for_key[key].append(submit)
            else:
                self._waiting_for_key[key] = []
                self._append([submit])

    async def _index_keys(self) -> None:
        """Bring the index up to what was acknowledged."""
        upto, fresh = self._acknowledged, self._unindexed
        if upto == self._keys.upto:
            return
        try:
            await anyio.to_thread.run_sync(self._keys.add, list(fresh.items()), upto, self._now())
        except sqlite3.Error as error:
            # They stay where they are, and in the journal; the next try takes them along.
            log.error(
                "the index of idempotency keys cannot be written", file=self._keys.path, error=str(error)
            )
            return
        for key in [key for key, kept in fresh.items() if kept.first_offset < upto]:
            del fresh[key]

    async def _catch_up(self) -> None:
        """Read what the index has missed: a second's worth after a crash, a day's if its file is gone."""
        if self._keys.upto > self._journal.next_offset:
            # An older copy of the journal was put back: what the index knows may never have happened.
            log.error(
                "the newest part of the journal is missing: what was acknowledged in it is lost, where no "
                "store has it",
                acknowledged_before=self._keys.upto,
                journal_ended_at=self._journal.recovered.place.next_offset,
            )
            await anyio.to_thread.run_sync(self._keys.clear)
        start = max(self._keys.upto, first_within(self._journal.segments, self._now() - KEPT_FOR))
        async with reading_own(self._journal, start) as reader:
            while records := await reader.read(max_bytes=CATCH_UP_BYTES):
                keys = [each for record in records for each in keys_of(record)]
                await anyio.to_thread.run_sync(self._keys.add, keys, reader.next_offset, self._now())
        self._acknowledged = self._keys.upto


def never_ahead(
    now: Callable[[], Nanoseconds], monotonic: Callable[[], Nanoseconds]
) -> Callable[[], Nanoseconds]:
    """`now`, but that from here on it is no faster than `monotonic`: a clock that is set forward, as where a
    machine starts with a wrong one, makes nothing a day old."""
    ahead = now() - monotonic()
    return lambda: min(now(), ahead + monotonic())


def refusal(error: BaseException) -> Refused:
    """What a client is told of an append that failed."""
    match error:
        case JournalFullError():
            return Refused("disk-full", "the disk is full; nothing was taken", retry_after=5.0)
        case JournalFailedError():
            return Refused("failed", "the journal cannot be written; nothing was taken", retry_after=5.0)
        case _:
            return Refused("stopping", "shutting down; nothing was taken", retry_after=1.0)


class IngestPort:
    """The edge's way in: `web.ports.Ingest` on the actor's mailbox. `wanted` says whether so many metrics
    are to be broadcast; `count` tells whose metrics are."""

    def __init__(
        self,
        ingest: ActorRef[IngestMessage],
        wanted: Callable[[int], bool],
        count: CountSenders = count_senders,
    ) -> None:
        self._ingest = ingest
        self._count = count
        self._wanted = wanted

    def offer(
        self, metrics: list[Metric], key: str, receive: Callable[[Receipt], None], sent: bytes = b""
    ) -> None:
        """See web.ports.Ingest."""
        count = len(metrics)
        event = MetricsAsSent(sent, count, key) if sent else pack_metrics(metrics, key)
        submit = Submit(event, count, metrics if self._wanted(count) else (), receive, self._count(metrics))
        try:
            taken = self._ingest.try_tell(submit)
        except ActorStopped:
            receive(Refused("stopping", "shutting down; nothing was taken", retry_after=1.0))
            return
        if not taken:
            receive(Refused("busy", "more comes in than can be written; nothing was taken", retry_after=1.0))
