"""Of what kind an error of PostgreSQL is, by its SQLSTATE. Pure.

Source: PostgreSQL manual, appendix A, "PostgreSQL Error Codes"; what poolers add is named where it is
handled. Texts are looked at only where one code means two things; where a server speaks another language
than English, the more careful of the two is taken.
"""

from __future__ import annotations

import re

from actors.stores.base import (
    DeniedError,
    OutageError,
    PoisonError,
    StoreError,
    ThrottledError,
    TransientError,
)

MIGRATE = "run `forebay db migrate`"
"""What helps where the tables are not ours."""

_LONGEST = 400
"""Characters of a server's detail that are shown: it may quote the row."""

_SCHEMA = frozenset({"3F000", "42P01", "42703", "42883", "42P10", "22P03", "22P04"})
"""No such schema, table, column or function, no key to conflict with, columns of another type for COPY."""

_TRANSIENT = frozenset({"40000", "40001", "40002", "40P01", "55006", "55P03", "57P03"})

_SMALLER = frozenset({"57014", "25P04"})
"""The statement, or the transaction, took longer than it may."""

_LOST_PLAN = frozenset({"26000", "42P05"})
"""A prepared statement that is not there, or is there twice: a pooler has changed the connection."""

_CAUSES = {
    "22001": "too-large",
    "22003": "out-of-range",
    "22004": "not-null",
    "22008": "out-of-range",
    "22009": "out-of-range",
    "22015": "out-of-range",
    "22026": "too-large",
    "22P01": "out-of-range",
    "22007": "bad-type",
    "22030": "bad-type",
    "22032": "bad-type",
    "22P02": "bad-type",
    "42804": "bad-type",
    "23502": "not-null",
    "23503": "foreign-key",
    "23505": "duplicate",
    "23514": "check",
    "44000": "check",
}

_NUL = re.compile(r": 0x00$|\\u0000")


def classify_sqlstate(
    store: str, sqlstate: str, message: str, *, detail: str = "", constraint: str = "", place: str = ""
) -> StoreError:
    """The error of `store` that stands for `sqlstate`, with what the server said: `message`, `detail`, and
    the name of the `constraint` where one was broken; `place` is where the server is.

    What is not known is an outage: it holds the cursor, and nothing is lost by waiting.
    """
    said = (f"{place}: " if place else "") + _said(message, detail, constraint)
    if sqlstate in _SCHEMA or (sqlstate == "23514" and message.startswith("no partition of relation")):
        return DeniedError(
            store, f"{said}: the tables are not those of this Forebay; {MIGRATE}", code=sqlstate
        )
    if (cause := _cause(sqlstate, message, detail)) is not None:
        # An index holds no row as large as that one, in however small a batch.
        smaller = sqlstate.startswith("54") and not message.startswith("index row")
        return PoisonError(store, said, cause=cause, code=sqlstate, smaller=smaller)
    if sqlstate in _TRANSIENT or message.startswith("cached plan must not change"):
        return TransientError(store, said, code=sqlstate)
    if sqlstate in _SMALLER:
        return TransientError(store, f"{said} (fewer rows at a time may pass)", code=sqlstate, smaller=True)
    if sqlstate == "XX000" and (pooler := _from_pooler(store, said)) is not None:
        return pooler
    if advice := _denied(sqlstate):
        return DeniedError(store, f"{said}: {advice}", code=sqlstate)
    return OutageError(store, said + _advice(sqlstate), code=sqlstate, smaller=sqlstate == "53200")


def _said(message: str, detail: str, constraint: str) -> str:
    said = message.strip() or "an error without a text"
    if constraint and constraint not in said:
        said += f" (constraint {constraint})"
    if detail:
        said += f" ({detail if len(detail) <= _LONGEST else detail[:_LONGEST] + '…'})"
    return said


def _cause(sqlstate: str, message: str, detail: str) -> str | None:
    """What is wrong with the data, in a word of CAUSES; None where nothing is known to be."""
    if sqlstate in ("22021", "22P05"):
        return "nul-byte" if _NUL.search(message) or _NUL.search(detail) else "bad-text"
    if sqlstate == "22023":
        # PostgREST meets it when it takes a role that is not there; a cast of JSON, for a value.
        return "bad-type" if message.startswith("cannot cast json") else None
    if (cause := _CAUSES.get(sqlstate)) is not None:
        return cause
    match sqlstate[:2]:
        case "54":
            return "too-large"
        case "22" | "23":
            return "refused"
        case _:
            # P0001 is what a trigger raises that lets a row not pass.
            return "refused" if sqlstate == "P0001" else None


def _denied(sqlstate: str) -> str:
    """What to do where the server refuses us; "" where it does not."""
    match sqlstate[:2]:
        case "28":
            return "check user and password of the store's URL"
        case "3D":
            return "check the database of the store's URL"
        case "0P" | "22":
            return "check the role that Forebay connects as"
        case "42" if sqlstate == "42501":
            return "grant this role what it needs, as the migrations do for service_role"
        case "0A":
            # COPY into a view, past row-level security, or into a table of another server.
            return "the tables are not those of this Forebay, or this role does not own them"
        case "42" if sqlstate not in _LOST_PLAN:
            return f"check the store's URL; if it is right, {MIGRATE}"
        case _:
            return ""


def _from_pooler(store: str, said: str) -> StoreError | None:
    """Supavisor, the pooler of hosted Supabase, calls everything XX000 (supavisor, client_handler.ex)."""
    lower = said.lower()
    if "tenant or user not found" in lower:
        return DeniedError(store, f"{said}: check user and host of the store's URL", code="XX000")
    if "max clients" in lower or "max client connections" in lower:
        return ThrottledError(store, said, code="XX000")
    return None


def _advice(sqlstate: str) -> str:
    match sqlstate:
        case "25006":
            # A failover makes a replica of the primary for seconds, and a hosted project whose disk is
            # full is read-only until it has been enlarged: both pass, and neither is the configuration's.
            return " (read-only, as in a failover or on a full disk; it is tried again until it takes rows)"
        case "53100":
            return " (make room on the server's disk)"
        case "53300":
            return " (the server has no connection left: raise its limit, or close others)"
        case _:
            return ""
