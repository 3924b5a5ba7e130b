"""Dead letters on their way back to one store: which wait their turn, which are out, and how fast they go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set
from typing import NamedTuple

from actors.messages import RedriveOne
from journal.metric import Metric, Offset
from web.letters import NoSuchLetterError, Redriven

AT_ONCE = 100
"""Letters that are out at a time."""

EVERY = 0.25
"""Seconds between two handfuls of letters that go at a rate."""

AWAY_PAUSE = 1.0
"""Seconds after which a store that was away is told again."""

PATIENCE = 120.0
"""Seconds after which a store's actor that has not said what came of it is told again: it has crashed."""


class Order(NamedTuple):
    """Send letter `id` again: `by_hand`, or because the weather has changed; with `edited`, what a person put
    in the metric's place, if anything."""

    id: Offset
    by_hand: bool
    edited: Metric | None = None


class Redriving:
    """The orders for one store, and who waits for what comes of them. Times are seconds of a monotonic
    clock."""

    def __init__(self) -> None:
        self._waiting: dict[Offset, Order] = {}
        self._out: dict[Offset, Order] = {}
        self._askers: defaultdict[Offset, list[RedriveOne]] = defaultdict(list)
        self._out_since = 0.0
        self._not_before = 0.0
        self._rate: float | None = None

    def __len__(self) -> int:
        return len(self._waiting) + len(self._out)

    def __contains__(self, each: object) -> bool:
        return each in self._waiting or each in self._out

    @property
    def out(self) -> Set[Offset]:
        """The letters that the store is being sent right now."""
        return self._out.keys()

    @property
    def ids(self) -> list[Offset]:
        """The letters of all orders."""
        return [*self._out, *self._waiting]

    def add(self, order: Order, *, rate: float | None = None, asker: RedriveOne | None = None) -> None:
        """Take an order; together with the others it goes `rate` a second (None: as fast as they go). One for
        a letter that is under way anyway is the same one, unless it changes what is sent."""
        if asker is not None:
            self._askers[order.id].append(asker)
        if order.id not in self or order.edited is not None:
            self._waiting[order.id] = order
            self._rate = rate

    def drop(self, each: Offset) -> None:
        """Forget the order for a letter that has left the queue otherwise."""
        self._waiting.pop(each, None)

    def take(self, now: float) -> list[Order]:
        """What is to be sent now; it is out until `returned`."""
        if self._out and now - self._out_since > PATIENCE:
            self._waiting = self._out | self._waiting
            self._out = {}
        if self._out or not self._waiting or now < self._not_before:
            return []
        most = AT_ONCE if self._rate is None else max(1, min(AT_ONCE, int(self._rate * EVERY)))
        taken = list(self._waiting.values())[:most]
        for order in taken:
            del self._waiting[order.id]
        self._out = {order.id: order for order in taken}
        self._out_since = now
        if self._rate is not None:
            self._not_before = now + len(taken) / self._rate
        return taken

    def settled(self, ids: Set[Offset]) -> list[Order]:
        """The orders that are out and among `ids`."""
        return [order for each, order in self._out.items() if each in ids]

    def returned(self, settled: Set[Offset], now: float) -> list[Offset]:
        """After the store's actor has spoken: what was not `settled` waits again. Returns which those are."""
        out, self._out = self._out, {}
        again = {each: order for each, order in out.items() if each not in settled}
        if again:
            self._waiting = again | self._waiting
            self._not_before = now + AWAY_PAUSE
        return list(again)

    def answer(self, each: Offset, outcome: Redriven | NoSuchLetterError) -> None:
        """Tell whoever waits for letter `each`."""
        for asker in self._askers.pop(each, ()):
            if isinstance(outcome, Redriven):
                asker.reply(outcome)
            else:
                asker.fail(outcome)
