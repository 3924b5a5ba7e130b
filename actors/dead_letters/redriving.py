"""Dead letters on their way back to one store: which wait their turn, which are out, and how fast they go."""

from __future__ import annotations

from collections.abc import Set
from itertools import islice
from typing import NamedTuple

from actors.messages import RedriveOne
from journal.metric import Metric, Offset
from web.letters import Redriven

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
    in the metric's place, if anything; `rate` a second at most. `askers` wait for what comes of it."""

    id: Offset
    by_hand: bool
    edited: Metric | None = None
    rate: float | None = None
    askers: tuple[RedriveOne, ...] = ()

    @property
    def is_awaited_edit(self) -> bool:
        """Whether somebody waits to hear that this very edit is stored."""
        return self.edited is not None and bool(self.askers)

    def answer(self, outcome: Redriven | Exception) -> None:
        """Tell whoever waits."""
        for asker in self.askers:
            if isinstance(outcome, Redriven):
                asker.reply(outcome)
            else:
                asker.fail(outcome)


class Redriving:
    """The orders for one store. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._waiting: dict[Offset, Order] = {}
        self._out: dict[Offset, Order] = {}
        self._out_since = 0.0
        self._not_before = 0.0
        self._paced_from = 0.0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._out)

    def __contains__(self, each: object) -> bool:
        return each in self._waiting or each in self._out

    @property
    def out(self) -> Set[Offset]:
        """The letters that the store is being sent right now."""
        return self._out.keys()

    @property
    def waiting(self) -> list[Offset]:
        """The letters that have yet to be sent."""
        return list(self._waiting)

    def add(self, order: Order) -> bool:
        """Take an order; False where it is an edit and something else is being stored already.

        One for a letter that is under way anyway is the same one, with what a person asks of it last.
        """
        where = self._out if order.id in self._out else self._waiting
        known = where.get(order.id)
        if known is None:
            self._waiting[order.id] = order
        elif order.edited not in (None, known.edited) and (where is self._out or known.is_awaited_edit):
            return False
        elif order.by_hand:
            edited = order.edited or known.edited
            where[order.id] = order._replace(edited=edited, askers=known.askers + order.askers)
        return True

    def drop(self, each: Offset) -> Order:
        """Forget the order for a letter that has left the queue otherwise, or can never go; return it."""
        return (self._out if each in self._out else self._waiting).pop(each)

    def take(self, now: float) -> list[Order]:
        """What is to be sent now; it is out until `returned`. What goes at a rate lets the others pass."""
        if self._out and now - self._out_since > PATIENCE:
            self._waiting = self._out | self._waiting
            self._out = {}
        if self._out or now < self._not_before:
            return []
        unpaced = (order for order in self._waiting.values() if order.rate is None)
        taken = list(islice(unpaced, AT_ONCE)) or self._paced(now)
        for order in taken:
            del self._waiting[order.id]
        self._out = {order.id: order for order in taken}
        self._out_since = now
        return taken

    def _paced(self, now: float) -> list[Order]:
        """The next handful of what goes at a rate, all at the same, if it is time for it."""
        first = next(iter(self._waiting.values()), None)
        if first is None or first.rate is None or now < self._paced_from:
            return []
        most = max(1, min(AT_ONCE, int(first.rate * EVERY)))
        taken = list(islice((order for order in self._waiting.values() if order.rate == first.rate), most))
        self._paced_from = now + len(taken) / first.rate
        return taken

    def settled(self, ids: Set[Offset]) -> list[Order]:
        """The orders that are out and among `ids`."""
        return [order for each, order in self._out.items() if each in ids]

    def returned(self, settled: Set[Offset], now: float) -> None:
        """After the store's actor has spoken: what was not `settled` waits again, and whoever waits for it is
        told that it is queued."""
        out, self._out = self._out, {}
        again = {each: order._replace(askers=()) for each, order in out.items() if each not in settled}
        for each in again:
            out[each].answer(Redriven(each, "queued"))
        if again:
            self._waiting = again | self._waiting
            self._not_before = now + AWAY_PAUSE

    def leave(self) -> None:
        """Nobody is left to wait for an answer: tell all that their letters are queued."""
        for orders in (self._out, self._waiting):
            for each, order in orders.items():
                order.answer(Redriven(each, "queued"))
                orders[each] = order._replace(askers=())
