from __future__ import annotations

import sqlite3

import msgspec
import pytest

from actors.stores.base import (
    DeniedError,
    OutageError,
    PoisonError,
    StoreError,
    ThrottledError,
    TransientError,
)
from actors.stores.sqlite_errors import classify


def sqlite_error(code: int, cls: type[sqlite3.Error] = sqlite3.OperationalError) -> sqlite3.Error:
    error = cls("what SQLite says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (sqlite_error(sqlite3.SQLITE_BUSY), TransientError),
        (sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT), TransientError),
        (sqlite_error(sqlite3.SQLITE_LOCKED), TransientError),
        (sqlite_error(sqlite3.SQLITE_LOCKED_SHAREDCACHE), TransientError),
        (sqlite_error(sqlite3.SQLITE_INTERRUPT), TransientError),
        (sqlite_error(sqlite3.SQLITE_SCHEMA), TransientError),
        (sqlite_error(sqlite3.SQLITE_PROTOCOL), TransientError),
        (sqlite_error(sqlite3.SQLITE_FULL), OutageError),
        (sqlite_error(sqlite3.SQLITE_CANTOPEN), OutageError),
        (sqlite_error(sqlite3.SQLITE_IOERR), OutageError),
        (sqlite_error(sqlite3.SQLITE_IOERR_FSYNC), OutageError),
        (sqlite_error(sqlite3.SQLITE_CORRUPT, sqlite3.DatabaseError), OutageError),
        (sqlite_error(sqlite3.SQLITE_NOTADB, sqlite3.DatabaseError), OutageError),
        (sqlite_error(sqlite3.SQLITE_NOMEM), OutageError),
        (sqlite_error(sqlite3.SQLITE_READONLY_DBMOVED), OutageError),
        (sqlite_error(sqlite3.SQLITE_READONLY), DeniedError),
        (sqlite_error(sqlite3.SQLITE_READONLY_DIRECTORY), DeniedError),
        (sqlite_error(sqlite3.SQLITE_PERM), DeniedError),
        (sqlite_error(sqlite3.SQLITE_AUTH), DeniedError),
        (sqlite_error(sqlite3.SQLITE_ERROR), DeniedError),
        (sqlite_error(sqlite3.SQLITE_CONSTRAINT_NOTNULL, sqlite3.IntegrityError), PoisonError),
        (sqlite_error(sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.IntegrityError), PoisonError),
        (sqlite_error(sqlite3.SQLITE_MISMATCH), PoisonError),
        (sqlite_error(sqlite3.SQLITE_TOOBIG, sqlite3.DataError), PoisonError),
        (sqlite3.InterfaceError("Error binding parameter 3 - probably unsupported type."), PoisonError),
        (sqlite3.ProgrammingError("Error binding parameter 3: type 'set' is not supported"), PoisonError),
        (OverflowError("Python int too large to convert to SQLite INTEGER"), PoisonError),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), PoisonError),
        (msgspec.DecodeError("Input data was truncated"), PoisonError),
        (sqlite3.ProgrammingError("Cannot operate on a closed database."), OutageError),
        (sqlite_error(250), OutageError),
        (FileNotFoundError(2, "No such file or directory"), OutageError),
        (PermissionError(13, "Permission denied"), DeniedError),
        (ThrottledError("sqlite", "already classified"), ThrottledError),
    ],
    ids=lambda value: (
        getattr(value, "sqlite_errorcode", None) or getattr(value, "__name__", type(value).__name__)
    ),
)
def test_every_error_has_its_class(error: Exception, expected: type[StoreError]) -> None:
    """Each error of SQLite, and of what stands before it, is of exactly one kind."""
    assert type(classify("sqlite", "/data/forebay.db", error)) is expected


def test_the_message_says_what_where_and_what_to_do() -> None:
    """An operator reads the store, the file, what SQLite said, and the way out."""
    error = classify("sqlite", "/data/forebay.db", sqlite_error(sqlite3.SQLITE_FULL))
    assert str(error) == "store sqlite: /data/forebay.db: what SQLite says (make room on its disk)"
