"""Who sends, how fast, and who has fallen silent: folded from what is accepted, in bounded memory."""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Final, TypeAlias

from journal.metric import Metric, Nanoseconds
from web.machinery import Sender, SendersReport

SenderId: TypeAlias = tuple[str, str]
"""Source and session."""

MOST: Final = 10_000
"""Senders that are remembered; beyond it the one that has been silent longest is forgotten. 1 KB each."""
LONGEST_NAME: Final = 200
"""Characters of source and session that are told apart, each: a client may send any length."""
SILENT_FROM: Final = 10.0
"""Seconds without a metric before anybody counts as silent, and"""
SILENT_PAUSES: Final = 3.0
"""how many times its usual pause it must have lasted."""

EXACT: Final = 20_000
"""Metrics in a second up to which every one is looked at; beyond it a batch of more than"""
SMALL: Final = 8
"""metrics is all taken for the sender of one of them, each time of another place: looking at each would cost
a few hundredths of all throughput."""

_SECOND: Final = 1_000_000_000
_SLOTS: Final = 61
"""The last 60 whole seconds, and the present one."""
_who = attrgetter("source", "session")


def count_senders(metrics: Sequence[Metric]) -> Mapping[SenderId, int]:
    """How many of `metrics`, of which there is at least one, are whose."""
    if len(metrics) == 1:
        return {_who(metrics[0]): 1}
    return Counter(map(_who, metrics))


class _Seen:
    __slots__ = ("began", "count", "first", "last", "pause", "second", "slots")

    def __init__(self, now: Nanoseconds) -> None:
        self.first = self.last = now
        self.count = 0
        self.pause = 0.0
        self.began = self.second = now // _SECOND
        self.slots = array("Q", bytes(8 * _SLOTS))

    def saw(self, count: int, now: Nanoseconds) -> None:
        pause = max(0.0, (now - self.last) / _SECOND)
        # One long silence must not make the next one look usual.
        self.pause += (min(pause, 4 * self.pause + 1.0) - self.pause) / 8
        self.last = max(self.last, now)
        self.count += count
        self.roll(now // _SECOND)
        self.slots[self.second % _SLOTS] += count

    def roll(self, second: int) -> None:
        """Begin `second`. A clock that was set back goes on in the second that it had reached."""
        for each in range(max(self.second + 1, second - _SLOTS + 1), second + 1):
            self.slots[each % _SLOTS] = 0
        self.second = max(self.second, second)

    def rate(self, seconds: int) -> float:
        """Metrics a second over the last `seconds` whole ones, or as many as there were."""
        known = min(seconds, self.second - self.began)
        if known == 0:
            return float(self.slots[self.second % _SLOTS])
        return sum(self.slots[each % _SLOTS] for each in range(self.second - known, self.second)) / known

    def is_silent(self, now: Nanoseconds) -> bool:
        return (now - self.last) / _SECOND > max(SILENT_FROM, SILENT_PAUSES * self.pause)


class Senders:
    """Everybody who has sent since `since`, at most the latest `most`."""

    def __init__(self, since: Nanoseconds, most: int = MOST) -> None:
        self._since = since
        self._most = most
        self._forgotten = 0
        self._exact = EXACT
        self._second = 0
        self._turn = 0
        self._seen: OrderedDict[SenderId, _Seen] = OrderedDict()

    def count(self, metrics: Sequence[Metric]) -> Mapping[SenderId, int]:
        """As count_senders, up to EXACT metrics in a second; beyond it large batches are taken for one's."""
        if len(metrics) <= SMALL or self._exact > 0:
            self._exact -= len(metrics)
            return count_senders(metrics)
        self._turn += 1
        return {_who(metrics[self._turn % len(metrics)]): len(metrics)}

    def saw(self, counts: Mapping[SenderId, int], now: Nanoseconds) -> None:
        """So many metrics of each were accepted at `now`."""
        seen = self._seen
        if now // _SECOND != self._second:
            self._second, self._exact = now // _SECOND, EXACT
        for who, count in counts.items():
            if len(who[0]) > LONGEST_NAME or len(who[1]) > LONGEST_NAME:
                who = who[0][:LONGEST_NAME], who[1][:LONGEST_NAME]
            sender = seen.get(who)
            if sender is None:
                sender = seen[who] = _Seen(now)
                if len(seen) > self._most:
                    seen.popitem(last=False)
                    self._forgotten += 1
            else:
                seen.move_to_end(who)
            sender.saw(count, now)

    def report(self, now: Nanoseconds, most: int) -> SendersReport:
        """The `most` that sent last, as of `now`."""
        latest = islice(reversed(self._seen.items()), most)
        senders = [_sender(who, seen, now) for who, seen in latest]
        return SendersReport(self._since, len(self._seen), self._most, self._forgotten, senders)


def _sender(who: SenderId, seen: _Seen, now: Nanoseconds) -> Sender:
    seen.roll(now // _SECOND)
    rates = round(seen.rate(10), 3), round(seen.rate(60), 3)
    return Sender(*who, seen.first, seen.last, seen.count, *rates, seen.is_silent(now))
