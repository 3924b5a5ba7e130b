"""Of what kind an error of supabase-py is: PostgREST's codes, SQLSTATEs, HTTP statuses, broken connections.

Sources: https://docs.postgrest.org/en/v12/references/errors.html, and what servers were seen to answer. Pure.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from postgrest.exceptions import APIError

from actors.stores.base import (
    DeniedError,
    OutageError,
    PoisonError,
    Refusal,
    StoreError,
    ThrottledError,
)
from actors.stores.sqlstate import MIGRATE, classify_sqlstate
from journal.metric import Offset

KEY = "SUPABASE_SERVICE_ROLE_KEY"
URL = "SUPABASE_URL"

ASK_FOR_THE_KEY = f"check {KEY}: it must be the service role's key of this project, and not have expired"
CHECK_URL = f"check {URL}"

AMBIGUOUS = "what was sent may be stored all the same"

FAILURES = (APIError, httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, UnicodeEncodeError)
"""What `classify` is for. Anything else is a mistake in our code, and crashes."""

LONGEST_WAIT = 3600.0
"""Seconds that a server can make a store wait: a gateway whose clock is wrong names a date in years."""

_LONGEST = 500
"""Characters of what a server says that are repeated: a gateway answers with whole pages."""

_SCHEMA = {"PGRST200", "PGRST201", "PGRST202", "PGRST203", "PGRST204", "PGRST205"}
_NOT_PERMITTED = {"PGRST300", "PGRST301", "PGRST302", "PGRST303"}
_SLOW = {408, 504, 524}
"""A gateway gave up waiting; the statement goes on."""

_SQLSTATE = re.compile(r"[0-9A-Z]{5}")
_DIGITS = re.compile(r"[0-9]+")
_STATUS = re.compile(r"[1-9][0-9]{2}")
_FAILING_ROW = re.compile(r"Failing row contains \([^,()]*, ([0-9]+), ")
"""PostgreSQL names the columns of the row that broke a constraint, journal_id and offset first."""


def classify(
    store: str, *, error: Exception, status: int | None = None, retry_after: float | None = None
) -> StoreError:
    """`error` as a StoreError of `store`.

    `status` is the HTTP status of the answer, None where there was none, and `retry_after` the seconds that
    it asked for. What is not known is an outage: it holds the cursor, and nothing is lost by waiting.
    """
    match error:
        case StoreError():
            return error
        case APIError():
            return _answered(store, error, status, retry_after)
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.ProxyError():
            return OutageError(store, f"nobody answers: {_said(error)}; {CHECK_URL} if that stays so")
        case httpx.PoolTimeout():
            return ThrottledError(store, "every connection is in use")
        case httpx.TimeoutException() | TimeoutError():
            return OutageError(store, f"no answer in time; {AMBIGUOUS}", smaller=True)
        case httpx.UnsupportedProtocol():
            return DeniedError(store, f"the URL is not http: or https:; {CHECK_URL}")
        case httpx.LocalProtocolError():
            # Its text may hold a header, and so the key.
            return OutageError(store, "the request could not be sent")
        case UnicodeEncodeError():
            return PoisonError(store, f"a text is not Unicode: {error.reason}", cause="bad-text")
        case httpx.InvalidURL():
            return PoisonError(store, "too long for a URL", cause="too-large")
        case httpx.HTTPError() | OSError():
            return OutageError(store, f"the connection broke: {_said(error)}; {AMBIGUOUS}")
        case ValueError():
            return PoisonError(store, f"not to be said in JSON: {_said(error)}", cause="bad-type")
        case _:
            return OutageError(store, _said(error))


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """The seconds from `now` on that a Retry-After header asks for, which it says in seconds or as a date,
    LONGEST_WAIT at most; None where it says nothing that can be read. Source: RFC 9110, section 10.2.3."""
    if header is None:
        return None
    if _DIGITS.fullmatch(header):
        return min(float(header), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max(0.0, (until - now).total_seconds()), LONGEST_WAIT)


def _answered(store: str, error: APIError, status: int | None, retry_after: float | None) -> StoreError:
    """An answer that is not a success."""
    # supabase-py believes what the body says, and a gateway may say anything there.
    code = str(error.code or "")
    if _STATUS.fullmatch(code):
        status, code = status or int(code), ""
    text = _text(error, status, code)
    if code in _SCHEMA or (status == 404 and not _SQLSTATE.fullmatch(code)):
        return DeniedError(store, f"{text}; {MIGRATE}, or {CHECK_URL}", code=code or "404")
    if code in _NOT_PERMITTED or status == 401:
        return DeniedError(store, f"{text}; {ASK_FOR_THE_KEY}", code=code or "401")
    if code == "PGRST003":
        return ThrottledError(store, f"no connection to the database is free: {text}", retry_after, code=code)
    if code == "PGRST106":
        return DeniedError(store, f"{text}; the schema public must be among the exposed ones", code=code)
    if _SQLSTATE.fullmatch(code):
        return _refused_by_postgres(store, error, status, code)
    return _by_status(store, text, status, retry_after, code or str(status or ""))


def _refused_by_postgres(store: str, error: APIError, status: int | None, code: str) -> StoreError:
    detail = error.details if isinstance(error.details, str) else ""
    found = classify_sqlstate(store, code, error.message or "", detail=detail)
    match found:
        case PoisonError() if guilty := _FAILING_ROW.match(detail):
            refusals = [Refusal(Offset(int(guilty[1])), found.cause, found.detail)]
            return PoisonError(store, found.detail, cause=found.cause, refusals=refusals, code=code)
        case DeniedError() if status == 401:
            # PostgREST answers 401 instead of 403 where nobody in particular asks: the key is anon's.
            return DeniedError(store, f"{found.detail}; {ASK_FOR_THE_KEY}", code=code)
        case _:
            return found


def _by_status(store: str, text: str, status: int | None, retry_after: float | None, code: str) -> StoreError:
    match status:
        case 429:
            return ThrottledError(store, f"too many requests: {text}", retry_after, code=code)
        case 403 | 407:
            return DeniedError(store, f"{text}; {ASK_FOR_THE_KEY}", code=code)
        case 413:
            return PoisonError(store, text, cause="too-large", code=code, smaller=True)
        case 301 | 302 | 303 | 307 | 308:
            return DeniedError(store, f"{text}: it is elsewhere; {CHECK_URL} (https?)", code=code)
        case 540:
            return OutageError(store, f"{text}: the project is paused; resume it in its dashboard", code=code)
        case int() if status in _SLOW:
            return OutageError(store, f"{text}; {AMBIGUOUS}", code=code, smaller=True)
        case _:
            return OutageError(store, text, code=code)


def _text(error: APIError, status: int | None, code: str) -> str:
    parts = [f"HTTP {status}" if status else "", code, error.message, error.details, error.hint]
    said = " · ".join(" ".join(str(part).split()) for part in parts if part)
    return _clipped(said or "an answer that says nothing")


def _said(error: Exception) -> str:
    return _clipped(str(error) or type(error).__name__)


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
