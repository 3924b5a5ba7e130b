"""Which dead letters a request means: by its query, or by its body. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

from journal.events import UNREADABLE
from journal.metric import Int64, Metric, Nanoseconds
from web.letters import LetterFilter
from web.queries import ParameterError, instant, only
from web.receivers import json as json_receiver
from web.receivers.errors import Problem, ReceiverError
from web.receivers.items import reason_of
from web.receivers.rfc3339 import TimeError, nanoseconds

MAX_LETTERS = 1000
"""Letters in one answer."""
USUAL_LETTERS = 100
MAX_WHOLE = 200
"""Letters in one answer that has their metrics, which may be large."""
_COUNT = re.compile(r"[0-9]{1,6}")
_IDS = re.compile(r"[0-9]{1,18}(,[0-9]{1,18})*")
_FILTERS = ("cause", "name", "source", "store", "after", "before")


class LettersQuery(NamedTuple):
    """What `GET /api/dead-letters` asks for."""

    which: LetterFilter
    limit: int
    cursor: str | None
    whole: bool


class BulkQuery(NamedTuple):
    """What a bulk redrive or discard asks for; `rate` in metrics a second."""

    which: LetterFilter
    dry_run: bool
    rate: float | None


class _Bulk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    all: bool = False
    dry_run: bool = False
    ids: list[Int64] | None = None
    cause: str | None = None
    name: str | None = None
    source: str | None = None
    store: str | None = None
    after: Int64 | str | None = None
    before: Int64 | str | None = None


class _Redrive(_Bulk, frozen=True, forbid_unknown_fields=True):
    rate: Annotated[float, Meta(gt=0, le=1e9)] | None = None


class _Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    metric: msgspec.Raw = msgspec.Raw(b"")


_B = TypeVar("_B", _Bulk, _Redrive, _Edit)


def letters_query(query: Mapping[str, str]) -> LettersQuery:
    """What `query` asks for: by default the first USUAL_LETTERS of all. Raises ParameterError.

    `ids` are separated by commas; `whole=true` asks for letters with their metrics, MAX_WHOLE at most.
    """
    only(query, (*_FILTERS, "ids", "limit", "cursor", "whole"))
    if query.get("whole", "true") not in ("true", "false"):
        raise ParameterError("whole", "must be true or false")
    whole = query.get("whole") == "true"
    after = instant(query, "after", 0) if "after" in query else None
    before = instant(query, "before", 0) if "before" in query else None
    if _is_empty(after, before):
        raise ParameterError("after", "must lie before `before`")
    which = LetterFilter(
        ids=_ids(query["ids"]) if "ids" in query else None,
        store=query.get("store"),
        cause=query.get("cause"),
        name=query.get("name"),
        source=query.get("source"),
        after=after,
        before=before,
    )
    limit = _limit(query, MAX_WHOLE if whole else MAX_LETTERS)
    return LettersQuery(which, limit, query.get("cursor"), whole)


def discard_query(body: bytes) -> BulkQuery:
    """What the JSON `body` of a bulk discard asks for. Raises ReceiverError."""
    return _bulk(_decoded(body, _Bulk), None)


def redrive_query(body: bytes) -> BulkQuery:
    """What the JSON `body` of a bulk redrive asks for. Raises ReceiverError."""
    asked = _decoded(body, _Redrive)
    return _bulk(asked, asked.rate)


def edited_metric(body: bytes) -> Metric | None:
    """The metric of `{"metric": {…}}`, valid as if it came to be ingested; None where the letter's own is
    meant. Raises ReceiverError."""
    raw = bytes(_decoded(body, _Edit).metric)
    if not raw:
        return None
    if not raw.startswith(b"{"):
        raise _wrong("metric", "expected an object: the metric to store in place of the letter's")
    return json_receiver.receive(raw)[0]


def _limit(query: Mapping[str, str], most: int) -> int:
    text = query.get("limit", str(USUAL_LETTERS))
    if _COUNT.fullmatch(text) is None or not 1 <= int(text) <= most:
        raise ParameterError("limit", f"must be a whole number from 1 to {most}")
    return int(text)


def _ids(text: str) -> list[int]:
    ids = text.split(",")
    if _IDS.fullmatch(text) is None or len(ids) > MAX_LETTERS:
        raise ParameterError("ids", f"must be ids of letters, separated by commas, {MAX_LETTERS} at most")
    return list(map(int, ids))


def _decoded(body: bytes, type_: type[_B]) -> _B:
    try:
        return msgspec.json.decode(body.strip() or b"{}", type=type_)
    except UNREADABLE as error:
        raise ReceiverError(reason_of(error)) from error


def _bulk(asked: _Bulk, rate: float | None) -> BulkQuery:
    which = LetterFilter(
        asked.ids,
        asked.store,
        asked.cause,
        asked.name,
        asked.source,
        _time("after", asked.after),
        _time("before", asked.before),
    )
    if _is_empty(which.after, which.before):
        raise _wrong("after", "must lie before `before`")
    # Nobody is to give up the whole queue by a body that was lost on its way.
    if asked.all == (which != LetterFilter()):
        allowed = ", ".join(("ids", *_FILTERS))
        raise _wrong("all", f'say either which ({allowed}) or {{"all": true}}, and not both')
    return BulkQuery(which, asked.dry_run, rate)


def _time(field: str, value: int | str | None) -> Nanoseconds | None:
    if not isinstance(value, str):
        return value
    try:
        return nanoseconds(value)
    except TimeError as error:
        raise _wrong(field, f"{error}, or integer nanoseconds since the epoch") from error


def _is_empty(after: Nanoseconds | None, before: Nanoseconds | None) -> bool:
    return after is not None and before is not None and after >= before


def _wrong(field: str, reason: str) -> ReceiverError:
    return ReceiverError(f"{field}: {reason}", [Problem(0, field, reason)])
