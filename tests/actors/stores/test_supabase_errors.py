from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from postgrest.exceptions import APIError, generate_default_error_message

from actors.stores.base import (
    CAUSES,
    DeniedError,
    OutageError,
    PoisonError,
    StoreError,
    ThrottledError,
    TransientError,
)
from actors.stores.supabase_errors import LONGEST_WAIT, classify, retry_after_seconds


def answer(code: str | None = None, message: str | None = None, details: str | None = None) -> APIError:
    """What supabase-py makes of PostgREST's JSON."""
    return APIError({"code": code, "message": message, "details": details, "hint": None})


def page(status: int, body: str) -> APIError:
    """What supabase-py makes of an answer that is no JSON object of PostgREST's."""
    return APIError(generate_default_error_message(httpx.Response(status, text=body)))


HTML = "<!DOCTYPE html><html><title>521</title>" + "<p>Web server is down</p>" * 500
REQUEST = httpx.Request("POST", "http://project.example/rest/v1/metrics")

ROWS: dict[str, tuple[Exception, int | None, type[StoreError]]] = {
    # Nobody listens, no such host.
    "refused": (httpx.ConnectError("[Errno 111] Connection refused"), None, OutageError),
    "no-host": (httpx.ConnectError("[Errno -2] Name or service not known"), None, OutageError),
    "connect-time-out": (httpx.ConnectTimeout(""), None, OutageError),
    "proxy": (httpx.ProxyError("407"), None, OutageError),
    # Dropped, timed out: ambiguous.
    "dropped": (httpx.RemoteProtocolError("Server disconnected"), None, OutageError),
    "reset-reading": (httpx.ReadError(""), None, OutageError),
    "reset-writing": (httpx.WriteError(""), None, OutageError),
    "read-time-out": (httpx.ReadTimeout(""), None, OutageError),
    "write-time-out": (httpx.WriteTimeout(""), None, OutageError),
    "whole-time-out": (TimeoutError(), None, OutageError),
    "undecodable": (httpx.DecodingError("bad gzip"), 200, OutageError),
    # Postgres down, backend killed.
    "no-database": (answer("PGRST000", "Database connection error"), 503, OutageError),
    "backend-killed": (answer("PGRST001", "Database client error"), 503, OutageError),
    "no-schema-cache": (answer("PGRST002", "Could not query the database"), 503, OutageError),
    # PostgREST down behind a gateway, paused, pages of the network.
    "gateway-503": (answer(None, "name resolution failed"), 503, OutageError),
    "gateway-502": (page(502, "An invalid response was received"), 502, OutageError),
    "gateway-504": (page(504, "upstream timed out"), 504, OutageError),
    "cloudflare-524": (page(524, HTML), 524, OutageError),
    "paused": (page(540, ""), 540, OutageError),
    "html": (page(521, HTML), 521, OutageError),
    "status-as-code": (answer("503", "Service Unavailable"), None, OutageError),
    "internal": (answer("PGRSTX00", "Internal error"), 500, OutageError),
    "empty-500": (answer(), 500, OutageError),
    "teapot": (answer(None, "I'm a teapot"), 418, OutageError),
    # Throttled.
    "pool-exhausted": (answer("PGRST003", "Timed out acquiring connection"), 504, ThrottledError),
    "429": (answer(None, "Too Many Requests"), 429, ThrottledError),
    "429-page": (page(429, HTML), 429, ThrottledError),
    "429-as-code": (answer("429", "API rate limit exceeded"), None, ThrottledError),
    "own-pool": (httpx.PoolTimeout(""), None, ThrottledError),
    # SQLSTATEs of a server in trouble.
    "disk-full": (answer("53100", "could not extend file"), 503, OutageError),
    "memory": (answer("53200", "out of memory"), 503, OutageError),
    "connections": (answer("53300", "too many connections"), 503, OutageError),
    "shutdown": (answer("57P01", "terminating connection"), 503, OutageError),
    "connection-lost": (answer("08006", "connection failure"), 503, OutageError),
    "read-only": (answer("25006", "cannot execute INSERT in a read-only transaction"), 405, OutageError),
    # By chance.
    "deadlock": (answer("40P01", "deadlock detected"), 500, TransientError),
    "lock": (answer("55P03", "could not obtain lock"), 500, TransientError),
    "starting": (answer("57P03", "the database system is starting up"), 500, TransientError),
    "statement-time-out": (answer("57014", "canceling statement"), 500, TransientError),
    # The key.
    "expired": (answer("PGRST301", "JWT expired"), 401, DeniedError),
    "expired-v13": (answer("PGRST303", "JWT expired"), 401, DeniedError),
    "anonymous-disabled": (answer("PGRST302", "Anonymous access is disabled"), 401, DeniedError),
    "no-jwt-secret": (answer("PGRST300", "Server lacks JWT secret"), 500, DeniedError),
    "gateway-401": (answer(None, "Invalid API key"), 401, DeniedError),
    "gateway-401-page": (page(401, "Unauthorized"), 401, DeniedError),
    "gateway-403": (page(403, "Forbidden"), 403, DeniedError),
    # Rights.
    "row-level-security": (answer("42501", "new row violates row-level security policy"), 403, DeniedError),
    "row-level-security-anon": (answer("42501", "permission denied for table metrics"), 401, DeniedError),
    "no-such-role": (answer("22023", 'role "forebay" does not exist'), 401, DeniedError),
    "no-such-role-400": (answer("22023", 'role "forebay" does not exist'), 400, DeniedError),
    # The schema.
    "no-table-12.0.2": (answer(), 404, DeniedError),
    "no-table": (answer("42P01", 'relation "public.metrics" does not exist'), 404, DeniedError),
    "no-table-v13": (answer("PGRST205", "Could not find the table"), 404, DeniedError),
    "no-column": (answer("PGRST204", "Could not find the 'unit' column"), 400, DeniedError),
    "no-function": (answer("PGRST202", "Could not find the function"), 404, DeniedError),
    "404-page": (page(404, HTML), 404, DeniedError),
    "not-exposed": (answer("PGRST106", "The schema must be one of the following"), 406, DeniedError),
    "redirected": (page(301, ""), 301, DeniedError),
    "not-http": (httpx.UnsupportedProtocol("Request URL is missing a protocol"), None, DeniedError),
    # The data.
    "unique": (answer("23505", "duplicate key value"), 409, PoisonError),
    "foreign-key": (answer("23503", "violates foreign key constraint"), 409, PoisonError),
    "check": (answer("23514", "violates check constraint"), 400, PoisonError),
    "not-null": (answer("23502", "null value in column"), 400, PoisonError),
    "type": (answer("22P02", "invalid input syntax for type double precision"), 400, PoisonError),
    "range": (answer("22003", "out of range for type bigint"), 400, PoisonError),
    "nul": (answer("22P05", "unsupported Unicode", r"\u0000 cannot be converted to text."), 400, PoisonError),
    "too-large": (answer("54000", "index row requires 9000 bytes"), 413, PoisonError),
    "gateway-413": (answer("413", "Payload Too Large"), None, PoisonError),
    "gateway-413-page": (page(413, HTML), 413, PoisonError),
    # Before anything is sent.
    "surrogate": (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), None, PoisonError),
    "nan": (ValueError("Out of range float values are not JSON compliant"), None, PoisonError),
    "url": (httpx.InvalidURL("URL too long"), None, PoisonError),
    # Known already; not known at all.
    "classified": (ThrottledError("supabase", "said so"), 500, ThrottledError),
    "unknown-code": (answer("PGRST999", "news"), 400, OutageError),
    "unknown": (RuntimeError("news"), None, OutageError),
}

CAUSE = {
    "unique": "duplicate",
    "foreign-key": "foreign-key",
    "check": "check",
    "not-null": "not-null",
    "type": "bad-type",
    "range": "out-of-range",
    "nul": "nul-byte",
    "too-large": "too-large",
    "gateway-413": "too-large",
    "gateway-413-page": "too-large",
    "surrogate": "bad-text",
    "nan": "bad-type",
    "url": "too-large",
}

SMALLER = {
    "read-time-out",
    "write-time-out",
    "whole-time-out",
    "gateway-504",
    "cloudflare-524",
    "statement-time-out",
    "memory",
    "gateway-413",
    "gateway-413-page",
}


def classified(row: str) -> StoreError:
    error, status, _ = ROWS[row]
    return classify("supabase", error=error, status=status)


@pytest.mark.parametrize("row", ROWS)
def test_every_situation_has_its_class(row: str) -> None:
    """Each row of the table of situations is of exactly one kind."""
    assert type(classified(row)) is ROWS[row][2]


@pytest.mark.parametrize("row", [row for row, (_, _, kind) in ROWS.items() if kind is PoisonError])
def test_every_poison_has_its_cause(row: str) -> None:
    """What is wrong with the data is told in a word of CAUSES."""
    error = classified(row)
    assert isinstance(error, PoisonError)
    assert error.cause == CAUSE[row]
    assert error.cause in CAUSES


def test_fewer_rows_help_where_there_were_too_many() -> None:
    """`smaller` is said of time-outs and of what is too large, and of nothing else."""
    assert {row for row in ROWS if classified(row).smaller} == SMALLER


@pytest.mark.parametrize(
    "row",
    ["expired", "expired-v13", "gateway-401", "gateway-401-page", "gateway-403", "row-level-security-anon"],
)
def test_a_wrong_key_is_named_by_its_variable(row: str) -> None:
    """Who reads it learns which variable to look at."""
    assert "SUPABASE_SERVICE_ROLE_KEY" in str(classified(row))


@pytest.mark.parametrize("row", ["no-table-12.0.2", "no-table", "no-table-v13", "no-column", "no-function"])
def test_a_missing_table_names_the_command_that_makes_it(row: str) -> None:
    """Migrating is what helps."""
    assert "forebay db migrate" in str(classified(row))


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("statement-time-out", "57014"),
        ("check", "23514"),
        ("paused", "540"),
        ("status-as-code", "503"),
        ("no-table-12.0.2", "404"),
        ("expired", "PGRST301"),
        ("gateway-401", "401"),
    ],
)
def test_the_code_is_the_servers(row: str, code: str) -> None:
    """`code` is what the server calls it: its own code, and where it has none, the status."""
    assert classified(row).code == code


def test_a_throttled_error_passes_on_how_long_to_wait() -> None:
    """`retry_after` of the answer is that of the error, from a gateway and from PostgREST alike."""
    for error, status in ((page(429, ""), 429), (answer("PGRST003", "Timed out"), 504)):
        found = classify("supabase", error=error, status=status, retry_after=7.5)
        assert isinstance(found, ThrottledError)
        assert found.retry_after == 7.5


def test_a_whole_page_is_not_repeated() -> None:
    """Of what a gateway says, the beginning, in one line."""
    said = str(classified("html"))
    assert len(said) < 700
    assert "\n" not in said
    assert "HTTP 521" in said


def test_the_guilty_row_is_known_where_postgres_names_it() -> None:
    """A broken constraint comes with its row, whose second column is the offset."""
    details = "Failing row contains (0b8f9a52-3f0e-4a52-9d3c-5f1f7f5f0e11, 4711, xxx, 1, gauge)."
    error = classify("supabase", error=answer("23514", "violates check", details), status=400)
    assert isinstance(error, PoisonError)
    assert [(refusal.offset, refusal.cause) for refusal in error.refusals] == [(4711, "check")]


@pytest.mark.parametrize(
    "details",
    ["", "Failing row contains (a, supabase, 4711, now).", "Key (name)=(4711) already exists.", "4711, 4711"],
)
def test_no_row_is_guessed(details: str) -> None:
    """Where the text is another, nobody is accused."""
    error = classify("supabase", error=answer("23514", "violates check", details), status=400)
    assert isinstance(error, PoisonError)
    assert error.refusals == ()


def test_a_header_that_cannot_be_sent_is_not_shown() -> None:
    """h11 repeats the header in its error, and the header may be the key."""
    error = httpx.LocalProtocolError("Illegal header value b'Bearer top-secret\\n'")
    assert "top-secret" not in str(classify("supabase", error=error))


NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        ("-5", None),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("Tue, 24 Nov 2026 12:00:30 -0000", 30.0),
        ("soon", None),
        ("", None),
        ("1.5", None),
        ("9" * 400, LONGEST_WAIT),
        ("Tue, 24 Nov 2099 12:00:30 GMT", LONGEST_WAIT),
    ],
)
def test_retry_after_comes_in_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    """Both forms of RFC 9110 are understood; what is in the past is now, and what is neither is nothing;
    no server is obeyed for longer than an hour."""
    assert retry_after_seconds(header, NOW) == seconds


def test_the_answers_here_are_those_that_supabase_py_raises() -> None:
    """An empty object, as 12.0.2 sends for a table that is not there, is an APIError without anything."""
    body: dict[str, Any] = json.loads("{}")
    assert str(classify("supabase", error=APIError(body), status=404)).startswith(
        "store supabase: HTTP 404; run"
    )
