"""Rows to parameters and back, and the SQL that carries them. Pure.

Python's `sqlite3` gives up the interpreter lock at every step of a statement and must win it back. Against
an event loop that is busy, winning it back takes up to `sys.getswitchinterval()`, 5 ms: `executemany` of
one-row statements then stores 400 rows a second, one statement of 2,048 rows more than 100,000. So
everything here is inserted by statements of many rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

import msgspec

from actors.stores.base import Row
from journal.events import AttributeValue, Kind, Metric, Nanoseconds, Offset

MIN_INT64, MAX_INT64 = -(2**63), 2**63 - 1

RUNGS = (2048, 256, 32, 4, 1)
"""Rows a statement, largest first. A few fixed sizes, so that each is compiled once. 2,048 metrics have
20,481 parameters of the 32,766 that SQLite takes by default."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, AttributeValue]).decode

Stream = tuple[str, str, str]
"""Name, source and session."""


class Batch(NamedTuple):
    """What a transaction stores: parameters of the metrics, row after row, and of the streams they touch."""

    metrics: list[Any]
    streams: list[Any]


class Table(NamedTuple):
    """How a table is inserted into: its columns, and what happens where the key is there."""

    head: str
    row: str
    tail: str
    width: int
    shared: int
    """Parameters before the rows' own that are the same for all of them."""

    def insert(self, rows: int) -> str:
        """The statement that inserts `rows` rows."""
        return f"{self.head} VALUES {','.join([self.row] * rows)} {self.tail}"


# ON CONFLICT DO NOTHING, not OR IGNORE, which would pass over a NULL or a failed check in silence as well.
METRICS = Table(
    'INSERT INTO metrics (journal_id, "offset", name, value, time, kind, unit, source, session, attributes,'
    " accepted_at)",
    "(?1,?,?,?,?,?,?,?,?,?,?)",
    'ON CONFLICT (journal_id, "offset") DO NOTHING',
    width=10,
    shared=1,
)

STREAMS = Table(
    "INSERT INTO streams (name, source, session, kind, unit, first_time, last_time, count)",
    "(?,?,?,?,?,?,?,?)",
    """ON CONFLICT (name, source, session) DO UPDATE SET
      kind = CASE WHEN excluded.last_time >= last_time THEN excluded.kind ELSE kind END,
      unit = CASE WHEN excluded.last_time >= last_time THEN excluded.unit ELSE unit END,
      first_time = min(first_time, excluded.first_time),
      last_time = max(last_time, excluded.last_time),
      count = count + excluded.count""",
    width=8,
    shared=0,
)


def batch(rows: Sequence[Row]) -> Batch:
    """The parameters that store `rows`.

    Raises OverflowError, UnicodeEncodeError or TypeError for attributes that JSON cannot hold.
    """
    metrics: list[Any] = []
    extend = metrics.extend
    seen: dict[Stream, list[Any]] = {}
    for offset, accepted_at, metric in rows:
        name, source, session, time, attributes = (
            metric.name,
            metric.source,
            metric.session,
            metric.time,
            metric.attributes,
        )
        if time is None:
            time = accepted_at
        extend(
            (
                offset,
                name,
                metric.value,
                time,
                metric.kind,
                metric.unit,
                source,
                session,
                _encode(attributes).decode() if attributes else "{}",
                accepted_at,
            )
        )
        stream = (name, source, session)
        state = seen.get(stream)
        if state is None:
            seen[stream] = [metric, time, time, 1]
        else:
            state[3] += 1
            if time >= state[2]:
                state[0] = metric
                state[2] = time
            elif time < state[1]:
                state[1] = time
    streams: list[Any] = []
    for stream, (latest, first, last, count) in seen.items():
        streams.extend((*stream, latest.kind, latest.unit, first, last, count))
    return Batch(metrics, streams)


_SQL = {(table, rows): table.insert(rows) for table in (METRICS, STREAMS) for rows in RUNGS}


def inserts(table: Table, shared: Sequence[Any], parameters: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Statements of at most RUNGS[0] rows, with their parameters, that insert all of `parameters`."""
    at, end = 0, len(parameters)
    for rung in RUNGS:
        size = rung * table.width
        while end - at >= size:
            yield _SQL[table, rung], [*shared, *parameters[at : at + size]]
            at += size


COLUMNS = '"offset", accepted_at, name, value, time, kind, unit, source, session, attributes'


def row(columns: tuple[Any, ...]) -> Row:
    """The row that COLUMNS hold. Raises msgspec.MsgspecError for attributes that are not ours."""
    offset, accepted_at, name, value, time, kind, unit, source, session, attributes = columns
    metric = Metric(
        name=name,
        value=value,
        time=time,
        kind=cast(Kind, kind),
        unit=unit,
        source=source,
        session=session,
        attributes={} if attributes == "{}" else _decode(attributes),
    )
    return Row(Offset(offset), accepted_at, metric)


# SQLite divides towards zero; the correction makes it floor. What comes out is the step's number, not its
# time, which may lie outside 64 bits. A step that does itself is NULL: it has one point on each side of zero.
SERIES = """
SELECT source, coalesce(time / :step - (time % :step < 0), -(time < 0)) AS number,
  min(value), avg(value), max(value), count(*)
FROM metrics
WHERE name = :name AND time BETWEEN :first AND :last AND (:source IS NULL OR source = :source)
GROUP BY source, number
ORDER BY source, number
"""

UNITS = "SELECT source, unit, max(last_time) FROM streams WHERE name = ? GROUP BY source"

# By time, so that whoever folds them finds kind and unit of the latest metric last.
NAMES = "SELECT name, source, kind, unit, first_time, last_time, count FROM streams ORDER BY name, last_time"

SESSIONS = """
SELECT session, source, min(first_time), max(last_time) AS latest, sum(count)
FROM streams WHERE session <> '' GROUP BY session, source ORDER BY latest DESC, session, source
"""


def bounds(start: Nanoseconds, until: Nanoseconds) -> tuple[int, int]:
    """`[start, until)` as the first and last 64-bit integers that are in it; last < first if none is."""
    return max(start, MIN_INT64), min(until - 1, MAX_INT64)
