"""The actor of the dead-letter queue: keeps what stores refuse, until it leaves by an event.

It never waits for a store: it tells the store's actor what to send, and is told what came of it. So a store
that waits for the queue to keep something, and a queue that has something for the store, cannot lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

import structlog

from actors.core import dead_letters as deciding
from actors.core.dead_letters import WARN_FROM, Limits
from actors.dead_letters.mirror import changes
from actors.dead_letters.payloads import as_buried, read_letters
from actors.dead_letters.port import as_shown
from actors.dead_letters.redriving import AWAY_PAUSE, Order, Redriving
from actors.dead_letters.retiring import Retiring
from actors.kernel import Actor, ActorRef, ActorStopped
from actors.messages import (
    Bury,
    DeadLettersMessage,
    DiscardSome,
    KeepHouse,
    LettersMirrored,
    LettersWritten,
    MirrorLetters,
    PersistenceMessage,
    RedriveOne,
    RedriveSome,
    StoreRecovered,
    StoreWentBack,
    WriteLetters,
)
from actors.stores.base import Row
from journal.committer import JournalFailedError, JournalFullError
from journal.dead_letters import DeadLetterEvent
from journal.events import (
    DeadLetterRetried,
    DeadLettersDiscarded,
    DeadLettersMirrored,
    DeadLettersRedriven,
    MetricDeadLettered,
)
from journal.log import Journal
from journal.metric import Metric, Nanoseconds, Offset
from journal.segment import JournalCorruptError
from web.letters import (
    DeadLettersUnavailableError,
    LetterLostError,
    LetterUnderWayError,
    NoSuchLetterError,
    Redriven,
    StoreNotFedError,
)

HOUSEKEEPING_EVERY = 0.25
"""Seconds."""

PREPARE_EVERY = 1.0
"""Seconds between two looks whether there is a segment ahead, and room on the disk again."""

RETIRE_EVERY = 60.0
"""Seconds between two looks for letters that are too old, and for segments that nobody needs any more."""

MIRROR_PATIENCE = 120.0
"""Seconds after which a store's actor that has not said whether it mirrored is asked again."""

WEATHER_EVERY = 300.0
"""Seconds between two attempts at what failed for the weather while no breaker opened, and so none closes."""

log = structlog.get_logger("dead-letters")

StoreRefs = Mapping[str, Callable[[], ActorRef[PersistenceMessage]]]


class DeadLettersActor(Actor[DeadLettersMessage]):
    """Keeps dead letters in `journal`, its own, within `limits`. By the stores' names: `stores` are the
    actors that feed them, `redriving` is what is on its way to each. `main` is the metrics' journal.
    `redriven` is told how many letters a store holds now, once that is written down."""

    def __init__(
        self,
        journal: Journal,
        main: Journal,
        stores: StoreRefs,
        redriving: Mapping[str, Redriving],
        *,
        limits: Limits,
        now: Callable[[], Nanoseconds],
        redriven: Callable[[str, int], None],
    ) -> None:
        self._journal = journal
        self._main = main
        self._retiring = Retiring(journal, main)
        self._stores = stores
        self._redriving = redriving
        self._limits = limits
        self._now = now
        self._redriven = redriven
        self._mirroring: dict[str, float] = {}
        """When each store that is mirroring was asked to."""
        self._mirrored_to: dict[str, Offset] = {}
        self._old_since: dict[Offset, float] = {}
        """Since when each letter that is too old has been seen to be."""
        self._prepare_at = 0.0
        self._retire_at = 0.0
        self._weather_at = 0.0
        self._warned = False

    async def started(self) -> None:
        """See Actor."""
        self._weather_at = self.context.clock.monotonic() + WEATHER_EVERY
        self.context.every(HOUSEKEEPING_EVERY, KeepHouse())

    async def stopped(self) -> None:
        """Nobody is left to wait for an answer; what is asked for by hand must be asked for again."""
        for redriving in self._redriving.values():
            redriving.leave()

    async def receive(self, messages: Sequence[DeadLettersMessage]) -> None:
        """See Actor."""
        for message in messages:
            match message:
                case Bury():
                    await self._bury(message)
                case RedriveOne():
                    await self._order_one(message)
                case RedriveSome():
                    self._order_some(message)
                case DiscardSome():
                    await self._discard(message)
                case LettersWritten():
                    await self._written(message)
                case LettersMirrored():
                    await self._mirrored(message)
                case StoreWentBack(store=store):
                    self._mirroring.pop(store, None)
                    await self._note_mirrored(store, Offset(0))
                case StoreRecovered():
                    self._weather(message.store)
                case KeepHouse():
                    await self._keep_house()
                case _:
                    assert_never(message)
        await self._send()

    async def _bury(self, message: Bury) -> None:
        try:
            for at in range(0, len(message.letters), self._limits.items):
                some = message.letters[at : at + self._limits.items]
                await self._append(deciding.bury(self._journal.state, some, self._limits, self._under_way()))
        except (JournalFullError, JournalFailedError) as error:
            message.fail(error)
            return
        message.reply(None)
        self._warn()

    def _under_way(self) -> set[Offset]:
        """What is being sent to its store right now, and may be there already."""
        return set[Offset]().union(*(redriving.out for redriving in self._redriving.values()))

    async def _append(self, events: Sequence[DeadLetterEvent]) -> None:
        if events:
            await self._journal.append(events)

    def _warn(self) -> None:
        waiting, limit = len(self._journal.state.dead_letters), self._limits.items
        near = waiting >= WARN_FROM * limit
        if near and not self._warned:
            log.warning(
                "the queue is nearly full: beyond its limit the oldest expire; see `forebay dlq ls`",
                waiting=waiting,
                limit=limit,
            )
        self._warned = near

    async def _order_one(self, message: RedriveOne) -> None:
        letter = self._journal.state.dead_letters.get(message.id)
        if letter is None:
            message.fail(NoSuchLetterError(message.id))
        elif (redriving := self._redriving.get(letter.store)) is None:
            message.fail(StoreNotFedError(letter.store))
        else:
            try:
                if message.edited is not None:
                    intent = DeadLetterRetried(
                        letter.id, letter.cause, letter.error, letter.weather, message.edited
                    )
                    await self._append([intent])
            except (JournalFullError, JournalFailedError) as error:
                message.fail(error)
                return
            if not redriving.add(Order(message.id, True, message.edited, askers=(message,))):
                message.fail(LetterUnderWayError(message.id))

    def _order_some(self, message: RedriveSome) -> None:
        for each in message.ids:
            letter = self._journal.state.dead_letters.get(each)
            if letter is not None and (redriving := self._redriving.get(letter.store)) is not None:
                redriving.add(Order(each, True, rate=message.rate))
        message.reply(None)

    async def _discard(self, message: DiscardSome) -> None:
        events = deciding.discard(self._journal.state, set(message.ids) - self._under_way())
        try:
            await self._append(events)
        except (JournalFullError, JournalFailedError) as error:
            message.fail(error)
            return
        message.reply(sum(len(event.ids) for event in events if isinstance(event, DeadLettersDiscarded)))

    def _weather(self, store: str) -> None:
        """Send again what failed for the weather, which has changed."""
        if (redriving := self._redriving.get(store)) is not None:
            for each in deciding.for_weather(self._journal.state, store):
                redriving.add(Order(each, False))

    async def _written(self, message: LettersWritten) -> None:
        redriving = self._redriving.get(message.store)
        if redriving is None:
            return
        state, refused = self._journal.state, {refusal.id for refusal in message.refused}
        stored = redriving.settled(set(message.stored))
        events: list[DeadLetterEvent] = []
        for by in ("hand", "weather"):
            plain = [each.id for each in stored if each.edited is None and each.by_hand is (by == "hand")]
            events += deciding.redriven(state, plain, by)
        for order in stored:
            if order.edited is not None:
                events += deciding.redriven(state, [order.id], "hand", order.edited)
        events += [each for each in message.refused if each.id in state.dead_letters]
        try:
            await self._append(events)
        except (JournalFullError, JournalFailedError) as error:
            # They may be in the store, and wait here until that can be written down: they go once more.
            log.error("what became of dead letters cannot be written down", error=str(error))
            redriving.returned(set(), self.context.clock.monotonic())
            return
        self._redriven(message.store, sum(len(e.ids) for e in events if isinstance(e, DeadLettersRedriven)))
        for order in stored:
            order.answer(Redriven(order.id, "redriven"))
        for order in redriving.settled(refused):
            letter = self._journal.state.dead_letters.get(order.id)
            shown = as_shown(letter, redriving=False) if letter is not None else None
            order.answer(Redriven(order.id, "refused", shown))
        settled = refused | {order.id for order in stored}
        redriving.returned(settled, self.context.clock.monotonic())

    async def _mirrored(self, message: LettersMirrored) -> None:
        if message.before is None:
            self._mirroring[message.store] = self.context.clock.monotonic() + AWAY_PAUSE - MIRROR_PATIENCE
            return
        if message.start != self._mirrored_until(message.store):
            # What was under way when the store went back.
            return
        self._mirroring.pop(message.store, None)
        await self._note_mirrored(message.store, message.before)

    async def _note_mirrored(self, store: str, before: Offset) -> None:
        if before == self._mirrored_until(store):
            return
        self._mirrored_to[store] = before
        try:
            await self._append([DeadLettersMirrored(store, before)])
        except (JournalFullError, JournalFailedError) as error:
            log.warning("that dead letters were mirrored cannot be written down", error=str(error))

    async def _keep_house(self) -> None:
        now = self.context.clock.monotonic()
        try:
            for store in self._stores:
                await self._mirror(store, now)
            if now >= self._weather_at:
                self._weather_at = now + WEATHER_EVERY
                for store in self._stores:
                    self._weather(store)
            if now >= self._retire_at:
                self._retire_at = now + RETIRE_EVERY
                await self._expire(now)
                await self._retire()
            if now >= self._prepare_at:
                self._prepare_at = now + PREPARE_EVERY
                await self._journal.prepare()
        except (JournalFullError, JournalFailedError, JournalCorruptError) as error:
            log.error("the queue's housekeeping failed", error=str(error))

    async def _expire(self, now: float) -> None:
        state = self._journal.state
        self._old_since = deciding.ageing(state, self._limits, self._old_since, self._now(), now)
        await self._append(deciding.too_old(state, self._old_since, now, self._under_way()))

    def _drop_gone(self, redriving: Redriving) -> None:
        """Forget the orders for letters that were discarded, or have expired, meanwhile."""
        waiting = self._journal.state.dead_letters
        for each in redriving.waiting:
            if each not in waiting:
                redriving.drop(each).answer(NoSuchLetterError(each))

    async def _send(self) -> None:
        """Tell the stores' actors what to send."""
        now = self.context.clock.monotonic()
        for store, redriving in self._redriving.items():
            self._drop_gone(redriving)
            orders = redriving.take(now)
            if not orders:
                continue
            letters = await self._readable(redriving, orders)
            orders = [order for order in orders if order.id in redriving.out]
            self._edit_lost(letters, orders)
            for order in orders:
                if order.id not in letters:
                    redriving.drop(order.id).answer(LetterLostError(order.id))
            found = sorted(
                (order for order in orders if order.id in letters), key=lambda order: letters[order.id].offset
            )
            rows = [_row(letters[each.id], each.edited) for each in found]
            if not rows or not self._tell(store, WriteLetters([each.id for each in found], rows)):
                redriving.returned(set(), now)

    async def _readable(
        self, redriving: Redriving, orders: Sequence[Order]
    ) -> dict[Offset, MetricDeadLettered]:
        """The letters of `orders`, and maybe others. A damage in the way of one holds up no other."""
        letters: dict[Offset, MetricDeadLettered] = {}
        for order in orders:
            try:
                # Letters that were buried together are read together.
                if order.id not in letters:
                    letters |= await read_letters(self._journal, [order.id], self._main)
            except JournalCorruptError as error:
                log.error("a dead letter cannot be read", id=order.id, error=str(error))
                if order.edited is None:
                    redriving.drop(order.id).answer(DeadLettersUnavailableError(str(error)))
        return letters

    def _edit_lost(self, letters: dict[Offset, MetricDeadLettered], orders: Sequence[Order]) -> None:
        """What a person puts in a metric's place can be sent even where the metric is lost."""
        for order in orders:
            letter = self._journal.state.dead_letters.get(order.id)
            if order.id not in letters and order.edited is not None and letter is not None:
                letters[order.id] = as_buried(letter, order.edited)

    async def _mirror(self, store: str, now: float) -> None:
        state = self._journal.state
        asked = self._mirroring.get(store)
        start = self._mirrored_until(store)
        busy = asked is not None and now - asked < MIRROR_PATIENCE
        if busy or store not in state.dead_letter_counts or start >= self._journal.next_offset:
            return
        try:
            letters, before = await changes(self._journal, store, start, self._main)
        except JournalCorruptError as error:
            log.error("dead letters are not mirrored for now", store=store, error=str(error))
            self._mirroring[store] = now
            return
        if not letters:
            self._mirrored_to[store] = before
        elif self._tell(store, MirrorLetters(letters, start, before)):
            self._mirroring[store] = now

    def _mirrored_until(self, store: str) -> Offset:
        return self._mirrored_to.get(store, self._journal.state.mirrored.get(store, Offset(0)))

    def _tell(self, store: str, message: PersistenceMessage) -> bool:
        try:
            return self._stores[store]().try_tell(message)
        except ActorStopped:
            return False

    async def _retire(self) -> None:
        gone = await self._retiring.unneeded({store: self._mirrored_until(store) for store in self._stores})
        if gone:
            await self._journal.retire(gone)


def _row(letter: MetricDeadLettered, edited: Metric | None) -> Row:
    return Row(letter.offset, letter.accepted_at, edited or letter.metric)
