"""Of what kind an error of SQLite is. Source: https://www.sqlite.org/rescode.html."""

from __future__ import annotations

import sqlite3

import msgspec

from actors.stores.base import DeniedError, OutageError, PoisonError, StoreError, TransientError

SQLITE_CONSTRAINT_DATATYPE = 3091
"""A strict table's refusal; the module does not know it by name before Python 3.12."""

_PRIMARY: dict[int, type[StoreError]] = {
    sqlite3.SQLITE_ABORT: TransientError,
    sqlite3.SQLITE_BUSY: TransientError,
    sqlite3.SQLITE_INTERRUPT: TransientError,
    sqlite3.SQLITE_LOCKED: TransientError,
    sqlite3.SQLITE_PROTOCOL: TransientError,
    sqlite3.SQLITE_SCHEMA: TransientError,
    sqlite3.SQLITE_CANTOPEN: OutageError,
    sqlite3.SQLITE_CORRUPT: OutageError,
    sqlite3.SQLITE_FULL: OutageError,
    sqlite3.SQLITE_INTERNAL: OutageError,
    sqlite3.SQLITE_IOERR: OutageError,
    sqlite3.SQLITE_NOMEM: OutageError,
    sqlite3.SQLITE_NOTADB: OutageError,
    # SQL that was right when it was written fails for want of its table or column: the schema is not ours.
    sqlite3.SQLITE_ERROR: DeniedError,
    sqlite3.SQLITE_AUTH: DeniedError,
    sqlite3.SQLITE_PERM: DeniedError,
    sqlite3.SQLITE_READONLY: DeniedError,
    sqlite3.SQLITE_CONSTRAINT: PoisonError,
    sqlite3.SQLITE_MISMATCH: PoisonError,
    sqlite3.SQLITE_TOOBIG: PoisonError,
}

_EXTENDED: dict[int, type[StoreError]] = {
    # The file was moved or deleted under us: another one may come in its place.
    sqlite3.SQLITE_READONLY_DBMOVED: OutageError,
}

_CAUSES: dict[int, str] = {
    sqlite3.SQLITE_CONSTRAINT_CHECK: "check",
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: "not-null",
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: "foreign-key",
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: "duplicate",
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: "duplicate",
    SQLITE_CONSTRAINT_DATATYPE: "bad-type",
    sqlite3.SQLITE_MISMATCH: "bad-type",
    sqlite3.SQLITE_TOOBIG: "too-large",
}

_UNBINDABLE = (OverflowError, UnicodeEncodeError, msgspec.MsgspecError)
"""Integers beyond 64 bits, lone surrogates, and attributes that are not JSON. Python raises them before
SQLite sees the value."""

FAILURES = (StoreError, sqlite3.Error, OSError, *_UNBINDABLE)
"""What `classify` is for. Anything else is a mistake in our code, and crashes."""


def classify(store: str, path: str, error: Exception) -> StoreError:
    """`error`, raised while working on the database at `path`, as a StoreError of `store`.

    What is not known is an outage: it holds the cursor, and nothing is lost by waiting.
    """
    if isinstance(error, StoreError):
        return error
    kind, code = _kind(error), getattr(error, "sqlite_errorname", "")
    detail = f"{path}: {error or type(error).__name__}{_advice(error)}"
    if kind is PoisonError:
        return PoisonError(store, detail, cause=_cause(error), code=code, smaller=code == "SQLITE_TOOBIG")
    return kind(store, detail, code=code)


def _cause(error: Exception) -> str:
    """Which of base.CAUSES `error`, a PoisonError's, is."""
    match error:
        case OverflowError():
            return "out-of-range"
        case UnicodeEncodeError():
            return "bad-text"
        case _:
            code: int = getattr(error, "sqlite_errorcode", 0)
            return _CAUSES.get(code) or _CAUSES.get(code & 0xFF, "refused")


def _kind(error: Exception) -> type[StoreError]:
    if isinstance(error, _UNBINDABLE):
        return PoisonError
    if isinstance(error, PermissionError):
        return DeniedError
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # The module's own complaints carry no code.
        unbindable = isinstance(error, sqlite3.Error) and "binding parameter" in str(error)
        return PoisonError if unbindable else OutageError
    return _EXTENDED.get(code) or _PRIMARY.get(code & 0xFF, OutageError)


def _advice(error: Exception) -> str:
    code: int = getattr(error, "sqlite_errorcode", 0)
    match code & 0xFF:
        case sqlite3.SQLITE_CANTOPEN:
            return " (does its directory exist, and may this user write there?)"
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return " (stop Forebay, move the file away and start again: it is filled anew from the journal)"
        case sqlite3.SQLITE_FULL:
            return " (make room on its disk)"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return " (let this user write the file and its directory)"
        case _:
            return ""
