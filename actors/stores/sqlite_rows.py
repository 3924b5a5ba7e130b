"""Rows to parameters and back, and the SQL that carries them. Pure.

Python's `sqlite3` gives up the interpreter lock at every step of a statement and must win it back. Against
an event loop that is busy, winning it back takes up to `sys.getswitchinterval()`, 5 ms: `executemany` of
one-row statements then stores 400 rows a second, statements of 2,500 rows 120,000. So
everything here is inserted by statements of many rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple, cast

import msgspec

from actors.stores.attributes import attributes_of
from actors.stores.base import FlagRow, LetterRow, Row
from journal.metric import Kind, Metric, Offset, metric_time

LARGEST = 8192
"""Rows of the largest statement, where SQLite takes so many parameters; 2,048 where it takes the 32,766 of
its default. All statements have a power of two of rows, so that each is compiled once."""

_encode = msgspec.json.Encoder().encode

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
    padding: Callable[[list[Any]], list[Any]]
    """A row's parameters as those of a row that, inserted after it, changes nothing."""

    def insert(self, rows: int) -> str:
        """The statement that inserts `rows` rows."""
        return f"{self.head} VALUES {','.join([self.row] * rows)} {self.tail}"


def _same(row: list[Any]) -> list[Any]:
    return row


def _uncounted(row: list[Any]) -> list[Any]:
    return [*row[:-1], 0]


# ON CONFLICT DO NOTHING, not OR IGNORE, which would pass over a NULL or a failed check in silence as well.
METRICS = Table(
    'INSERT INTO metrics (journal_id, "offset", name, value, time, kind, unit, source, session, attributes,'
    " accepted_at)",
    "(?1,?,?,?,?,?,?,?,?,?,?)",
    'ON CONFLICT (journal_id, "offset") DO NOTHING',
    width=10,
    padding=_same,
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
    padding=_uncounted,
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


@cache
def _sql(table: Table, rows: int) -> str:
    return table.insert(rows)


def inserts(
    table: Table, shared: list[Any], parameters: list[Any], limit: int
) -> Iterator[tuple[str, list[Any]]]:
    """Statements, with their parameters, that insert all rows of `parameters`; `shared` goes before each.

    `limit` is how many parameters a statement may have. The last is filled up to the next power of two
    with rows that change nothing: cheaper than the several smaller statements that would fit exactly.
    """
    width = table.width
    fitting = (limit - len(shared)) // width
    largest = min(LARGEST, 1 << (fitting.bit_length() - 1))
    for at in range(0, len(parameters), largest * width):
        chunk = parameters[at : at + largest * width]
        rows = len(chunk) // width
        rung = 1 << (rows - 1).bit_length()
        yield _sql(table, rung), shared + chunk + table.padding(chunk[-width:]) * (rung - rows)


_CURSOR = "INSERT INTO cursors VALUES (?, ?, ?) ON CONFLICT (journal_id, store) DO UPDATE SET"

MOVE_CURSOR = f'{_CURSOR} "offset" = excluded."offset"'

ADVANCE_CURSOR = f'{_CURSOR} "offset" = max("offset", excluded."offset")'

LETTER = f"""
INSERT INTO dead_letters (journal_id, store, "offset", name, time, source, session, metric, accepted_at,
  cause, error, attempts, status, first_failed_at, last_failed_at)
VALUES ({",".join("?" * 15)})
ON CONFLICT (journal_id, "offset", store) DO UPDATE SET
  name = excluded.name, time = excluded.time, source = excluded.source, session = excluded.session,
  metric = excluded.metric, cause = excluded.cause, error = excluded.error, attempts = excluded.attempts,
  status = excluded.status, first_failed_at = excluded.first_failed_at,
  last_failed_at = excluded.last_failed_at
"""


def letter(journal_id: str, store: str, row: LetterRow) -> tuple[Any, ...]:
    """The parameters of LETTER that mirror `row`."""
    metric = row.metric
    return (
        journal_id,
        store,
        row.offset,
        metric.name,
        metric_time(metric, row.accepted_at),
        metric.source,
        metric.session,
        json.dumps(msgspec.to_builtins(metric)),
        row.accepted_at,
        row.cause,
        row.error,
        row.attempts,
        row.status,
        row.first_failed_at,
        row.last_failed_at,
    )


FLAG = """
INSERT INTO feature_flags (journal_id, name, type, value, default_value, rollout, description, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


def flag(journal_id: str, row: FlagRow) -> tuple[Any, ...]:
    """The parameters of FLAG that mirror `row`."""
    value, default = json.dumps(row.value), json.dumps(row.default)
    return journal_id, row.name, row.type, value, default, row.rollout, row.description, row.updated_at


COLUMNS = '"offset", accepted_at, name, value, time, kind, unit, source, session, attributes'


def row(columns: tuple[Any, ...]) -> Row:
    """The row that COLUMNS hold."""
    offset, accepted_at, name, value, time, kind, unit, source, session, attributes = columns
    metric = Metric(
        name=name,
        value=value,
        time=time,
        kind=cast(Kind, kind),
        unit=unit,
        source=source,
        session=session,
        attributes=attributes_of(attributes),
    )
    return Row(Offset(offset), accepted_at, metric)


# The cursor, and whether a row is there already in a range of offsets: in one step.
BEFORE = """
SELECT (SELECT "offset" FROM cursors WHERE journal_id = ? AND store = ?),
  EXISTS (SELECT 1 FROM metrics WHERE journal_id = ? AND "offset" BETWEEN ? AND ?)
"""

UNITS = "SELECT source, unit, max(last_time) FROM streams WHERE name = ? GROUP BY source"

# By time, so that whoever folds them finds kind and unit of the latest metric last.
NAMES = "SELECT name, source, kind, unit, first_time, last_time, count FROM streams ORDER BY name, last_time"

SESSIONS = """
SELECT session, source, min(first_time), max(last_time) AS latest, sum(count)
FROM streams WHERE session <> '' GROUP BY session, source ORDER BY latest DESC, session, source
"""

LATEST_ATTRIBUTES = """
SELECT attributes, count(*) FROM (
  SELECT attributes FROM metrics WHERE name = ? ORDER BY time DESC LIMIT ?
) GROUP BY attributes
"""
