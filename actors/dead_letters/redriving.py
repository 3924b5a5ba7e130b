"""Dead letters on their way back to one store: which wait their turn, which are out, and how fast they go."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from actors.messages import RedriveOne
from journal.metric import Metric, Offset

AT_ONCE = 100
"""Letters that are out at a time."""

EVERY = 0.25
"""Seconds between two handfuls of letters that go at a rate."""

AWAY_PAUSE = 1.0
"""Seconds after which a store that was away is told again."""

PATIENCE = 120.0
"""Seconds after which a store's actor that has not said what came of it is told again: it has crashed."""


class Order(NamedTuple):
    """Send letter `id` again: `by_hand`, or because the weather has changed; `question` where somebody waits
    for what comes of it, with what a person put in the metric's place, if anything."""

    id: Offset
    by_hand: bool
    question: RedriveOne | None = None

    @property
    def edited(self) -> Metric | None:
        """What goes to the store in place of the letter's metric."""
        return self.question.edited if self.question is not None else None


class Redriving:
    """The orders for one store. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._waiting: dict[Offset, Order] = {}
        self._out: dict[Offset, Order] = {}
        self._out_since = 0.0
        self._not_before = 0.0
        self._rate: float | None = None

    def __len__(self) -> int:
        return len(self._waiting) + len(self._out)

    def __contains__(self, each: object) -> bool:
        return each in self._waiting or each in self._out

    def add(self, orders: Iterable[Order], rate: float | None = None) -> list[Order]:
        """Take orders, to go `rate` a second (None: as fast as they go); what they take the place of."""
        replaced: list[Order] = []
        for order in orders:
            if (earlier := self._waiting.pop(order.id, None)) is not None:
                replaced.append(earlier)
            self._waiting[order.id] = order
            self._rate = rate
        return replaced

    def drop(self, gone: Iterable[Offset]) -> list[Order]:
        """Forget the orders for letters that have left the queue otherwise; those that waited."""
        return [order for each in gone if (order := self._waiting.pop(each, None)) is not None]

    def take(self, now: float) -> list[Order]:
        """What is to be sent now; it is out until `returned`."""
        if self._out and now - self._out_since > PATIENCE:
            self._waiting = {**self._out, **self._waiting}
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

    def returned(self, settled: Collection[Offset], now: float) -> tuple[list[Order], list[Order]]:
        """After the store's actor has spoken: the orders that are `settled`, and those that were not tried,
        which wait again."""
        out, self._out = self._out, {}
        done = [order for each, order in out.items() if each in settled]
        again = [order for each, order in out.items() if each not in settled]
        if again:
            # Whoever asked is told that it will take a while, and does not wait for it.
            self._waiting = {order.id: order for order in again} | self._waiting
            self._not_before = now + AWAY_PAUSE
        return done, again

    def orders(self) -> list[Order]:
        """All of them."""
        return [*self._out.values(), *self._waiting.values()]
