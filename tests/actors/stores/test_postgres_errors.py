from __future__ import annotations

import socket
import ssl

import asyncpg
import pytest

from actors.stores.base import (
    DeniedError,
    OutageError,
    PoisonError,
    StoreError,
    ThrottledError,
    TransientError,
)
from actors.stores.postgres_errors import FAILURES, Target, classify, guilty_row
from tests.contracts.store_rows import plain

TARGET = Target("pg", "postgresql://forebay:s3cret%2F@db.example:5432/metrics?sslmode=require")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(111, "Connect call failed"), OutageError),
        (ConnectionResetError(104, "Connection reset by peer"), OutageError),
        (socket.gaierror(-2, "Name or service not known"), OutageError),
        (TimeoutError(), OutageError),
        (EOFError(), OutageError),
        (ssl.SSLError(1, "wrong version number"), OutageError),
        (ssl.SSLCertVerificationError(1, "self-signed certificate"), DeniedError),
        (ConnectionError("PostgreSQL server at db rejected SSL upgrade"), DeniedError),
        (asyncpg.ClientConfigurationError("`sslmode` parameter must be one of"), DeniedError),
        (asyncpg.InterfaceError("another operation is in progress"), OutageError),
        (asyncpg.InternalClientError("unexpected"), OutageError),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle"), OutageError),
        (asyncpg.TooManyConnectionsError("sorry"), OutageError),
        (asyncpg.CannotConnectNowError("starting up"), TransientError),
        (asyncpg.InvalidPasswordError("password authentication failed"), DeniedError),
        (asyncpg.CheckViolationError("new row"), PoisonError),
        (OverflowError("value out of int64 range"), PoisonError),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), PoisonError),
        (ThrottledError("pg", "already classified"), ThrottledError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_every_error_has_its_class(error: Exception, kind: type[StoreError]) -> None:
    """Each error of server, driver and network is of exactly one kind, and is caught for that."""
    assert isinstance(error, FAILURES)
    assert type(classify(TARGET, error)) is kind


def test_only_a_time_out_asks_for_fewer_rows() -> None:
    """Nobody listening has nothing to do with the size of a batch."""
    assert classify(TARGET, TimeoutError()).smaller
    assert not classify(TARGET, ConnectionRefusedError()).smaller


def test_the_message_says_where() -> None:
    """An operator reads the store, and the server without user and password."""
    error = classify(TARGET, ConnectionRefusedError(111, "refused"))
    assert str(error) == "store pg: db.example:5432/metrics: [Errno 111] refused"


@pytest.mark.parametrize("secret", ["s3cret/", "s3cret%2F"])
def test_no_password_is_told(secret: str) -> None:
    """Whatever the driver quotes, the password is not in it, neither as written nor as meant."""
    for error in (
        asyncpg.ClientConfigurationError(f"bad: {secret}"),
        asyncpg.PostgresError(secret),
        OSError(secret),
    ):
        assert "s3cret" not in str(classify(TARGET, error))


@pytest.mark.parametrize("dsn", ["postgresql://[", "postgresql:///metrics", "postgresql://h:x/db"])
def test_an_odd_url_is_no_mistake_of_ours(dsn: str) -> None:
    """A URL that cannot be read has a place to show all the same."""
    assert Target("pg", dsn).place


@pytest.mark.parametrize(
    "error",
    [
        ValueError("invalid literal for int() with base 10: 's3cretPW'"),
        ValueError("bad query field: 's3cretPW'"),
        OverflowError("getsockaddrarg: port must be 0-65535."),
    ],
    ids=str,
)
def test_what_the_driver_cannot_read_is_denied_without_its_text(error: Exception) -> None:
    """Nothing but another URL helps; and the driver quotes what it cannot read, which may be a password."""
    assert isinstance(error, FAILURES)
    told = classify(TARGET, error)
    assert isinstance(told, DeniedError)
    assert "s3cret" not in str(told)
    assert "mend" in str(told)


def test_a_password_among_the_options_is_hidden_too() -> None:
    """libpq takes it there, and a server may quote it."""
    target = Target("pg", "postgresql://me@h/d?password=s3cret%2F&sslpassword=0ther")
    assert target.hidden("s3cret/ and 0ther") == "*** and ***"


CHECK = PoisonError("pg", "no", cause="check", code="23514")


@pytest.mark.parametrize(
    ("context", "offset"),
    [
        ("COPY metrics, line 3", 12),
        ("COPY metrics, line 1, column value", 10),
        ("PL/pgSQL function no() line 9 at RAISE\nCOPY metrics, line 2", 11),
        ("COPY metrics, Zeile 4", 13),
    ],
)
def test_the_line_of_a_copy_is_its_row(context: str, offset: int) -> None:
    """The server counts rows from 1, in whatever language."""
    (refusal,) = guilty_row(CHECK, context, plain(10, 20)).refusals
    assert (refusal.offset, refusal.cause, refusal.detail) == (offset, "check", "no")


@pytest.mark.parametrize(
    ("error", "context"),
    [
        (CHECK, ""),
        (CHECK, "COPY metrics, line 11"),
        (CHECK, "COPY metrics, line 0"),
        (CHECK, "COPY forebay_staging, line 3"),
        (CHECK, 'SQL statement "COPY metrics, line 3"'),
        (PoisonError("pg", "no", cause="duplicate", code="23505"), "COPY metrics, line 3"),
        (PoisonError("pg", "no", cause="too-large", code="54000"), "COPY metrics, line 3"),
    ],
)
def test_where_the_line_is_not_certain_nobody_is_accused(error: PoisonError, context: str) -> None:
    """A good metric never becomes a dead letter on a guess."""
    assert guilty_row(error, context, plain(10, 20)).refusals == ()
