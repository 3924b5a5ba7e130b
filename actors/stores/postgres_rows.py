"""Rows to what COPY reads and back, and the SQL of the native store. Pure.

A write is one message of several statements around a COPY, which PostgreSQL runs as one transaction (manual,
"Multiple Statements in a Simple Query"): one trip to the server, no transaction left open whatever happens,
and every setting is gone with it. So it is safe behind a pooler too that gives each transaction another
connection (pgbouncer, Supavisor).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any

import msgspec

from actors.stores.attributes import attributes_of
from actors.stores.base import FlagRow, LetterRow, Row
from journal.metric import MAX_INT64, MIN_INT64, Metric, Nanoseconds, Offset, metric_time
from web.ports import Point, Series

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
"""What stands before and after the rows of a binary COPY (manual, COPY, "Binary Format")."""

COPIED = (
    '"offset", "time", time_ns, accepted_at, accepted_at_ns, value, attributes,'
    " name, kind, unit, source, session, journal_id"
)
"""Columns in the order of CopyEncoder: first what differs from row to row."""

_COLUMNS = 13
_POSTGRES_EPOCH = 946_684_800_000_000
"""2000-01-01 in microseconds since 1970-01-01: from where PostgreSQL counts."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_numbers = Struct("!hiqiqiqiqiqidi").pack
_length = Struct("!i").pack
_encode = msgspec.json.Encoder().encode


def _field(text: str) -> bytes:
    encoded = text.encode()
    return _length(len(encoded)) + encoded


class CopyEncoder:
    """Encodes rows of the journal `journal_id` for COPY, piece after piece of one batch.

    Texts come again and again: each combination of them is encoded once. About 1 µs a row.
    """

    def __init__(self, journal_id: str) -> None:
        self._journal_id = _field(journal_id)
        self._texts: dict[tuple[str, str, str, str, str], bytes] = {}

    def encode(self, rows: Sequence[Row]) -> bytes:
        """`rows`, which have no refusals (see precheck)."""
        buffer = bytearray()
        known = self._texts.get
        for offset, accepted_at, metric in rows:
            time = metric.time
            if time is None:
                time = accepted_at
            key = (metric.name, metric.kind, metric.unit, metric.source, metric.session)
            texts = known(key)
            if texts is None:
                texts = self._texts[key] = b"".join(map(_field, key)) + self._journal_id
            attributes = _encode(metric.attributes)
            # fmt: off
            buffer += _numbers(
                _COLUMNS,
                8, offset,
                8, time // 1000 - _POSTGRES_EPOCH, 8, time,
                8, accepted_at // 1000 - _POSTGRES_EPOCH, 8, accepted_at,
                8, metric.value,
                len(attributes),
            )
            # fmt: on
            buffer += attributes
            buffer += texts
        return bytes(buffer)


def literal(text: str) -> str:
    """`text` as a literal of SQL, however the server reads backslashes."""
    return " E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def limits(timeout: float) -> str:
    """Settings for one transaction whose statements may take `timeout` seconds each.

    A row that is confirmed is on the disk, whatever the database's default: the journal deletes on the word
    of the cursor. Without the keepalives a server would wait two hours for the rest of a COPY whose client
    is gone, and hold its rows locked.
    """
    milliseconds = max(1, round(timeout * 1000))
    return (
        f"SET LOCAL statement_timeout = {milliseconds};"
        f"SET LOCAL idle_in_transaction_session_timeout = {milliseconds};"
        "SET LOCAL synchronous_commit = on;"
        "SET LOCAL tcp_keepalives_idle = 10; SET LOCAL tcp_keepalives_interval = 5;"
        "SET LOCAL tcp_keepalives_count = 3;"
    )


COPY = f"COPY public.metrics ({COPIED}) FROM STDIN (FORMAT binary);"
"""For rows of which none is there: a third faster than COPY_MISSING."""

# One table a transaction: a pooler gives the next one to somebody else. A conflict with any other key than
# ours is the data's fault, and not to be passed over in silence.
COPY_MISSING = f"""
CREATE TEMP TABLE forebay_staging (LIKE public.metrics) ON COMMIT DROP;
COPY pg_temp.forebay_staging ({COPIED}) FROM STDIN (FORMAT binary);
INSERT INTO public.metrics ({COPIED}) SELECT {COPIED} FROM pg_temp.forebay_staging
ON CONFLICT (journal_id, "offset", "time") DO NOTHING;
"""
"""For rows of which some may be there."""

MOVED = "UPDATE 1"
"""What the server says to `move_cursor` where the database still holds what it has confirmed."""


def first_cursor(journal_id: str, store: str, cursor: Offset) -> str:
    """The statement that gives a journal its cursor."""
    return (
        'INSERT INTO public.cursors (journal_id, store, "offset")'
        f" VALUES ({literal(journal_id)}, {literal(store)}, {cursor:d})"
        ' ON CONFLICT (journal_id, store) DO UPDATE SET "offset" = excluded."offset", updated_at = now();'
    )


def move_cursor(journal_id: str, store: str, cursor: Offset, confirmed: Offset) -> str:
    """The statement that moves a cursor, unless it is gone or has gone back before `confirmed`."""
    return (
        f'UPDATE public.cursors SET "offset" = {cursor:d}, updated_at = now()'
        f" WHERE journal_id = {literal(journal_id)} AND store = {literal(store)}"
        f' AND "offset" >= {confirmed:d};'
    )


FIRST_ADVANCE = """
INSERT INTO public.cursors AS kept (journal_id, store, "offset") VALUES ($1, $2, $3)
ON CONFLICT (journal_id, store) DO UPDATE SET "offset" = greatest(kept."offset", excluded."offset"),
  updated_at = now()
RETURNING "offset"
"""

ADVANCE = """
UPDATE public.cursors SET "offset" = greatest("offset", $3), updated_at = now()
WHERE journal_id = $1 AND store = $2 AND "offset" >= $4 RETURNING "offset"
"""

# Names everything that a write needs, so that a missing table is noticed at once.
CURSOR = """
SELECT (SELECT "offset" FROM public.cursors WHERE journal_id = $1 AND store = $2),
  EXISTS (SELECT journal_id, "offset", name, value, "time", time_ns, kind, unit, source, session, attributes,
    accepted_at, accepted_at_ns FROM public.metrics WHERE false)
"""

OFFSETS = """
SELECT "offset" FROM public.metrics WHERE journal_id = $1 AND "offset" BETWEEN $2 AND $3
ORDER BY "offset" LIMIT $4
"""

ROWS = """
SELECT "offset", accepted_at_ns, name, value, time_ns, kind, unit, source, session, attributes
FROM public.metrics WHERE journal_id = $1 AND "offset" BETWEEN $2 AND $3 ORDER BY "offset" LIMIT $4
"""


def row(columns: Any) -> Row:
    """The row that ROWS has brought."""
    offset, accepted_at, name, value, time, kind, unit, source, session, attributes = columns
    metric = Metric(
        name=name,
        value=value,
        time=time,
        kind=kind,
        unit=unit,
        source=source,
        session=session,
        attributes=attributes_of(attributes),
    )
    return Row(Offset(offset), accepted_at, metric)


SERIES = """
SELECT source, unit, time_ns, min, mean, max, count FROM public.forebay_series($1, $2, $3, $4, $5)
ORDER BY source, time_ns
"""

FILTERED = """
SELECT source, unit, time_ns, min, mean, max, count
FROM public.forebay_filtered_series($1, $2, $3, $4, $5, $6, $7)
ORDER BY source, time_ns
"""
"""Asked only where there is a session or an attribute: a database not migrated yet has no such function."""

ATTRIBUTES = """
SELECT key, "values", count FROM public.forebay_attributes($1) ORDER BY count DESC, key COLLATE "C"
"""

NAMES = """
SELECT name, kind, unit, sources, first_time_ns, last_time_ns, count FROM public.forebay_names() ORDER BY name
"""

SESSIONS = """
SELECT session, source, first_time_ns, last_time_ns, count FROM public.forebay_sessions()
ORDER BY last_time_ns DESC, session, source
"""


def series(name: str, points: Iterable[Any]) -> list[Series]:
    """A Series a source, of what SERIES has brought."""
    found: dict[str, Series] = {}
    for source, unit, time, low, mean, high, count in points:
        if source not in found:
            found[source] = Series(name, source, unit, [])
        found[source].points.append(Point(int(time), low, mean, high, count))
    return list(found.values())


MAINTAIN = "SELECT ran FROM public.forebay_maintain($1)"

MIRROR = """
INSERT INTO public.dead_letters (journal_id, store, "offset", name, "time", time_ns, source, session, metric,
  accepted_at, accepted_at_ns, cause, error, attempts, status, first_failed_at, last_failed_at)
SELECT $1, $2, * FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::bigint[], $7::text[],
  $8::text[], $9::json[], $10::timestamptz[], $11::bigint[], $12::text[], $13::text[], $14::bigint[],
  $15::text[], $16::timestamptz[], $17::timestamptz[])
ON CONFLICT (journal_id, "offset", store) DO UPDATE SET
  name = excluded.name, "time" = excluded."time", time_ns = excluded.time_ns, source = excluded.source,
  session = excluded.session, metric = excluded.metric, accepted_at = excluded.accepted_at,
  accepted_at_ns = excluded.accepted_at_ns, cause = excluded.cause, error = excluded.error,
  attempts = excluded.attempts, status = excluded.status, first_failed_at = excluded.first_failed_at,
  last_failed_at = excluded.last_failed_at
"""


FORGET_FLAGS = "DELETE FROM public.feature_flags WHERE journal_id = $1"

FLAGS = """
INSERT INTO public.feature_flags (journal_id, name, type, value, default_value, rollout, description,
  updated_at)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::json[], $5::json[], $6::double precision[], $7::text[],
  $8::timestamptz[])
"""


def flags(rows: Sequence[FlagRow]) -> list[Any]:
    """The parameters of FLAGS from the second on: a column each."""
    values = [flag_values(row, json.dumps(row.value), json.dumps(row.default)) for row in rows]
    return [list(column) for column in zip(*values, strict=True)]


def flag_values(flag: FlagRow, value: object, default: object) -> tuple[Any, ...]:
    """The columns of a flag behind the journal, as in FLAGS."""
    changed = None if flag.updated_at is None else timestamp(flag.updated_at)
    return flag.name, flag.type, value, default, flag.rollout, flag.description, changed


def letters(rows: Sequence[LetterRow]) -> list[Any]:
    """The parameters of MIRROR from the third on: a column each."""
    values = [letter_values(row, json.dumps(msgspec.to_builtins(row.metric))) for row in rows]
    return [list(column) for column in zip(*values, strict=True)]


def letter_values(letter: LetterRow, whole: object) -> tuple[Any, ...]:
    """The columns of a dead letter behind journal and store, as in MIRROR; `whole` is its metric."""
    metric = letter.metric
    time = min(max(metric_time(metric, letter.accepted_at), MIN_INT64), MAX_INT64)
    return (
        letter.offset,
        shown(metric.name),
        timestamp(time),
        time,
        shown(metric.source),
        shown(metric.session),
        whole,
        timestamp(letter.accepted_at),
        letter.accepted_at,
        letter.cause,
        shown(letter.error),
        letter.attempts,
        letter.status,
        timestamp(letter.first_failed_at),
        timestamp(letter.last_failed_at),
    )


def timestamp(time: Nanoseconds) -> datetime:
    """`time` rounded down to microseconds; any 64-bit one fits."""
    return _EPOCH + timedelta(microseconds=time // 1000)


def shown(text: str) -> str:
    """`text` as a text column takes it: NUL and lone surrogates escaped."""
    return text.replace("\0", "\\u0000").encode("utf-8", "backslashreplace").decode()
