"""The store that forgets when the process ends: for tests, and for looking around."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from actors.stores.attributes import attributes_seen, has
from actors.stores.base import (
    BatchRange,
    FlagRow,
    LetterRow,
    OutageError,
    PoisonError,
    Refusal,
    Row,
    as_stored,
)
from actors.stores.bounds import check_step
from actors.stores.folds import mean_between
from journal.metric import Metric, Nanoseconds, Offset
from web.ports import LOOKED_AT, AttributeSeen, NameSeen, Point, Series, SeriesQuery, SessionSeen

K = TypeVar("K", str, int, tuple[str, str])

RUN = 1_000
"""Rows that `rows` and `offsets` give at a time."""


class MemoryTables:
    """What outlives a MemoryStore, as a database outlives a connection."""

    def __init__(self) -> None:
        self.metrics: defaultdict[str, dict[Offset, Row]] = defaultdict(dict)
        self.cursors: dict[tuple[str, str], Offset] = {}
        self.letters: dict[tuple[str, str, Offset], LetterRow] = {}
        self.flags: dict[str, list[FlagRow]] = {}


class MemoryStore:
    """A HistoryStore in dictionaries: simple enough to be the model that the others are held against."""

    batch = BatchRange(10_000, 10_000)

    def __init__(self, name: str = "memory", tables: MemoryTables | None = None) -> None:
        self.name = name
        self.tables = tables or MemoryTables()
        self._journal_id: str | None = None

    async def open(self, journal_id: str) -> Offset | None:
        """See Store."""
        self._journal_id = journal_id
        return self.tables.cursors.get((journal_id, self.name))

    async def look(self, journal_id: str) -> Offset | None:
        """See Store."""
        return await self.open(journal_id)

    async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
        """See Store."""
        journal_id = self._opened()
        if refusals := [refusal for row in rows if (refusal := _refusal(row)) is not None]:
            raise PoisonError(self.name, refusals[0].detail, cause=refusals[0].cause, refusals=refusals)
        stored = self.tables.metrics[journal_id]
        for row in rows:
            stored.setdefault(row.offset, as_stored(row))
        if cursor is not None:
            self.tables.cursors[journal_id, self.name] = cursor

    async def advance(self, cursor: Offset) -> None:
        """See Store."""
        own = self._opened(), self.name
        self.tables.cursors[own] = max(cursor, self.tables.cursors.get(own, cursor))

    async def mirror(self, letters: Sequence[LetterRow]) -> None:
        """See Store."""
        journal_id = self._opened()
        for letter in letters:
            self.tables.letters[journal_id, self.name, letter.offset] = letter

    async def mirror_flags(self, flags: Sequence[FlagRow]) -> None:
        """See Store."""
        self.tables.flags[self._opened()] = list(flags)

    async def maintain(self, keep_days: float | None) -> None:
        """See Store."""

    async def close(self) -> None:
        """See Store."""
        self._journal_id = None

    async def offsets(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Offset]]:
        """See Store."""
        async for run in self.rows(start, until):
            yield [row.offset for row in run]

    async def rows(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Row]]:
        """See Store."""
        stored = self.tables.metrics[self._opened()]
        found = sorted(offset for offset in stored if start <= offset < until)
        for at in range(0, len(found), RUN):
            yield [stored[offset] for offset in found[at : at + RUN]]

    async def series(self, query: SeriesQuery) -> list[Series]:
        """See HistoryStore."""
        check_step(query.step)
        named = [metric for metric in self._metrics() if metric.name == query.name]
        found: list[Series] = []
        for of, metrics in _grouped(named, lambda metric: metric.source):
            if query.source is not None and of != query.source:
                continue
            within = [
                metric
                for metric in metrics
                if query.start <= _time(metric) < query.until
                and query.session in (None, metric.session)
                and has(metric.attributes, query.attributes)
            ]
            points = [
                _point(number * query.step, [metric.value for metric in group])
                for number, group in _grouped(within, lambda metric: _time(metric) // query.step)
            ]
            if points:
                found.append(Series(query.name, of, max(metrics, key=_time).unit, points))
        return found

    async def names(self) -> list[NameSeen]:
        """See HistoryStore."""
        found: list[NameSeen] = []
        for name, metrics in _grouped(self._metrics(), lambda metric: metric.name):
            latest = max(metrics, key=_time)
            sources = sorted({metric.source for metric in metrics})
            times = [_time(metric) for metric in metrics]
            found.append(
                NameSeen(name, latest.kind, latest.unit, sources, min(times), max(times), len(metrics))
            )
        return found

    async def sessions(self) -> list[SessionSeen]:
        """See HistoryStore."""
        found: list[SessionSeen] = []
        given = [metric for metric in self._metrics() if metric.session]
        for (session, source), metrics in _grouped(given, lambda metric: (metric.session, metric.source)):
            times = [_time(metric) for metric in metrics]
            found.append(SessionSeen(session, source, min(times), max(times), len(metrics)))
        return sorted(found, key=lambda seen: -seen.last_time)

    async def attributes(self, name: str) -> list[AttributeSeen]:
        """See HistoryStore."""
        latest = sorted((metric for metric in self._metrics() if metric.name == name), key=_time)[-LOOKED_AT:]
        return attributes_seen((metric.attributes, 1) for metric in latest)

    def _opened(self) -> str:
        if self._journal_id is None:
            raise OutageError(self.name, "not open")
        return self._journal_id

    def _metrics(self) -> list[Metric]:
        self._opened()
        return [row.metric for rows in self.tables.metrics.values() for row in rows.values()]


def _refusal(row: Row) -> Refusal | None:
    """What is wrong with `row` for any store: lone surrogates, and integers beyond 64 bits."""
    try:
        msgspec.msgpack.encode(row)
        row.accepted_at.to_bytes(8, signed=True)
        (row.metric.time or 0).to_bytes(8, signed=True)
    except UnicodeEncodeError as error:
        return Refusal(row.offset, "bad-text", f"offset {row.offset}: {error}")
    except OverflowError as error:
        return Refusal(row.offset, "out-of-range", f"offset {row.offset}: {error}")
    return None


def _time(metric: Metric) -> Nanoseconds:
    assert metric.time is not None  # as_stored has filled it in
    return metric.time


def _point(time: Nanoseconds, values: Sequence[float]) -> Point:
    low, high = min(values), max(values)
    return Point(time, low, mean_between(low, sum(values) / len(values), high), high, len(values))


def _grouped(metrics: Iterable[Metric], key: Callable[[Metric], K]) -> list[tuple[K, list[Metric]]]:
    """The metrics that share a key, sorted by it."""
    groups: defaultdict[K, list[Metric]] = defaultdict(list)
    for metric in metrics:
        groups[key(metric)].append(metric)
    return [(of, groups[of]) for of in sorted(groups)]
