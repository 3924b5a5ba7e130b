"""Rows to the JSON that PostgREST inserts, and its answers back to rows. Pure.

Numbers keep every bit: a double is written in its shortest form that reads back the same, and asked for as
text, because JSON's `1` and `-0` would come back as integers; nanoseconds are integers all the way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from actors.stores.base import FlagRow, LetterRow, Row
from actors.stores.postgres_rows import flag_values, letter_values, timestamp
from journal.flags import FlagValue
from journal.metric import AttributeValue, Metric, Nanoseconds, Offset, metric_time
from web.ports import AttributeSeen, NameSeen, Point, Series, SessionSeen

METRICS, CURSORS, LETTERS, FLAGS = "metrics", "cursors", "dead_letters", "feature_flags"

METRICS_KEY = "journal_id,offset,time"
CURSORS_KEY = "journal_id,store"
LETTERS_KEY = "journal_id,offset,store"
FLAGS_KEY = "journal_id,name"

SELECTED = "offset,accepted_at_ns,name,value::text,time_ns,kind,unit,source,session,attributes"
"""What `row` reads."""

_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_encode = msgspec.json.Encoder().encode


class _Metric(msgspec.Struct, frozen=True, gc=False):
    """A row of `metrics`."""

    journal_id: str
    offset: Offset
    name: str
    value: float
    time: datetime
    time_ns: Nanoseconds
    kind: str
    unit: str
    source: str
    session: str
    attributes: dict[str, AttributeValue]
    accepted_at: datetime
    accepted_at_ns: Nanoseconds


class _Letter(msgspec.Struct, frozen=True):
    """A row of `dead_letters`."""

    journal_id: str
    store: str
    offset: Offset
    name: str
    time: datetime
    time_ns: Nanoseconds
    source: str
    session: str
    metric: msgspec.Raw | str
    accepted_at: datetime
    accepted_at_ns: Nanoseconds
    cause: str
    error: str
    attempts: int
    status: str
    first_failed_at: datetime
    last_failed_at: datetime


class _Cursor(msgspec.Struct, frozen=True):
    """A row of `cursors`."""

    journal_id: str
    store: str
    offset: Offset
    updated_at: str = "now"
    """As PostgreSQL reads it: when the transaction began."""


class _Flag(msgspec.Struct, frozen=True):
    """A row of `feature_flags`."""

    journal_id: str
    name: str
    type: str
    value: FlagValue
    default_value: FlagValue
    rollout: float
    description: str
    updated_at: datetime | None


METRIC_COLUMNS = ",".join(_Metric.__struct_fields__)
"""PostgREST, told of the columns, passes the body on to the database unread."""
LETTER_COLUMNS = ",".join(_Letter.__struct_fields__)
CURSOR_COLUMNS = ",".join(_Cursor.__struct_fields__)
FLAG_COLUMNS = ",".join(_Flag.__struct_fields__)


def metrics_json(journal_id: str, rows: Sequence[Row]) -> bytes:
    """The body of the request that inserts `rows`: 1.3 µs a row."""
    return _encode([_metric(journal_id, *row) for row in rows])


def concatenated(arrays: Iterable[bytes]) -> bytes:
    """One JSON array of the items of all `arrays`, none of which is empty."""
    return b"[" + b",".join(array[1:-1] for array in arrays) + b"]"


def _metric(journal_id: str, offset: Offset, accepted_at: Nanoseconds, metric: Metric) -> _Metric:
    time = metric_time(metric, accepted_at)
    accepted = timestamp(accepted_at)
    return _Metric(
        journal_id,
        offset,
        metric.name,
        metric.value,
        accepted if time == accepted_at else timestamp(time),
        time,
        metric.kind,
        metric.unit,
        metric.source,
        metric.session,
        metric.attributes,
        accepted,
        accepted_at,
    )


def row(stored: dict[str, Any]) -> Row:
    """The row that SELECTED has brought."""
    return Row(
        Offset(stored["offset"]),
        stored["accepted_at_ns"],
        Metric(
            name=stored["name"],
            value=float(stored["value"]),
            time=stored["time_ns"],
            kind=stored["kind"],
            unit=stored["unit"],
            source=stored["source"],
            session=stored["session"],
            attributes=stored["attributes"],
        ),
    )


def letters_json(journal_id: str, store: str, letters: Sequence[LetterRow]) -> bytes:
    """The body of the request that mirrors `letters`."""
    return _encode(
        [_Letter(journal_id, store, *letter_values(each, _whole(each.metric))) for each in letters]
    )


def flags_json(journal_id: str, flags: Sequence[FlagRow]) -> bytes:
    """The body of the request that mirrors `flags`."""
    return _encode([_Flag(journal_id, *flag_values(each, each.value, each.default)) for each in flags])


def other_flags(journal_id: str, flags: Sequence[FlagRow]) -> str:
    """The condition that a flag is of this journal and none of `flags`."""
    others = ",".join(literal(each.name) for each in flags)
    return f"(journal_id.eq.{literal(journal_id)},name.not.in.({others}))"


def _whole(metric: Metric) -> msgspec.Raw | str:
    """`metric` as ASCII JSON; as a string of it where it has a NUL or a lone surrogate: PostgreSQL resolves
    every escape of a request's body, and has no text for these."""
    text = json.dumps(msgspec.to_builtins(metric))
    own = (metric.name, metric.kind, metric.unit, metric.source, metric.session)
    texts = (*own, *metric.attributes, *metric.attributes.values())
    if any(isinstance(each, str) and _NO_TEXT.search(each) for each in texts):
        return text
    return msgspec.Raw(text.encode())


def cursor_json(journal_id: str, store: str, cursor: Offset) -> bytes:
    """The body of the request that moves a cursor."""
    return _encode([_Cursor(journal_id, store, cursor)])


def literal(value: object) -> str:
    """`value` as a condition of PostgREST takes it (its manual, "Reserved characters")."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def of_journal(journal_id: str, first: int, last: int) -> str:
    """The condition that a metric is of this journal and its offset in `[first, last]`."""
    return f"(journal_id.eq.{literal(journal_id)},offset.gte.{first},offset.lte.{last})"


def of_store(journal_id: str, store: str, least: int = 0, before: int | None = None) -> str:
    """The condition that a cursor is that of `store`, not before `least`, and before `before`."""
    below = "" if before is None else f",offset.lt.{before}"
    return f"(journal_id.eq.{literal(journal_id)},store.eq.{literal(store)},offset.gte.{least}{below})"


def behind(row: dict[str, Any], columns: Sequence[str]) -> str:
    """The condition that a row comes after `row` in the order of `columns`, ascending."""
    head, *rest = columns
    value = literal(row[head])
    if not rest:
        return f"({head}.gt.{value})"
    return f"(or({head}.gt.{value},and({head}.eq.{value},and{behind(row, rest)})))"


def series(name: str, points: Iterable[dict[str, Any]]) -> list[Series]:
    """A Series a source, of what forebay_series returns, sorted by source and time."""
    found: dict[str, Series] = {}
    for point in points:
        source = point["source"]
        if source not in found:
            found[source] = Series(name, source, point["unit"], [])
        low, mean, high = float(point["min"]), float(point["mean"]), float(point["max"])
        found[source].points.append(Point(int(point["time_ns"]), low, mean, high, point["count"]))
    return [found[source] for source in sorted(found)]


def names(found: Iterable[dict[str, Any]]) -> list[NameSeen]:
    """What forebay_names returns, sorted."""
    return sorted(
        (
            NameSeen(
                each["name"],
                each["kind"],
                each["unit"],
                each["sources"],
                each["first_time_ns"],
                each["last_time_ns"],
                each["count"],
            )
            for each in found
        ),
        key=lambda seen: seen.name,
    )


def sessions(found: Iterable[dict[str, Any]]) -> list[SessionSeen]:
    """What forebay_sessions returns, the latest first."""
    rows = [
        SessionSeen(
            each["session"], each["source"], each["first_time_ns"], each["last_time_ns"], each["count"]
        )
        for each in found
    ]
    return sorted(rows, key=lambda seen: (-seen.last_time, seen.session, seen.source))


def attributes(found: Iterable[dict[str, Any]]) -> list[AttributeSeen]:
    """What forebay_attributes returns, the most frequent first."""
    seen = [AttributeSeen(each["key"], each["values"], each["count"]) for each in found]
    return sorted(seen, key=lambda each: (-each.count, each.key))
