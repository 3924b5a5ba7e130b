from __future__ import annotations

import pytest

from actors.stores.base import (
    CAUSES,
    DeniedError,
    OutageError,
    PoisonError,
    StoreError,
    ThrottledError,
    TransientError,
)
from actors.stores.sqlstate import classify_sqlstate

CODES: list[tuple[str, type[StoreError]]] = [
    ("08000", OutageError),
    ("08001", OutageError),
    ("08003", OutageError),
    ("08006", OutageError),
    ("08P01", OutageError),
    ("25006", OutageError),
    ("25P03", OutageError),
    ("26000", OutageError),
    ("42P05", OutageError),
    ("53000", OutageError),
    ("53100", OutageError),
    ("53200", OutageError),
    ("53300", OutageError),
    ("57P01", OutageError),
    ("57P02", OutageError),
    ("57P05", OutageError),
    ("58030", OutageError),
    ("XX001", OutageError),
    ("XX000", OutageError),
    ("ZZ999", OutageError),
    ("", OutageError),
    ("40001", TransientError),
    ("40P01", TransientError),
    ("55P03", TransientError),
    ("57P03", TransientError),
    ("57014", TransientError),
    ("25P04", TransientError),
    ("0A000", DeniedError),
    ("28000", DeniedError),
    ("28P01", DeniedError),
    ("3D000", DeniedError),
    ("3F000", DeniedError),
    ("0P000", DeniedError),
    ("22023", DeniedError),
    ("22P03", DeniedError),
    ("22P04", DeniedError),
    ("42501", DeniedError),
    ("42601", DeniedError),
    ("42703", DeniedError),
    ("42704", DeniedError),
    ("42883", DeniedError),
    ("42P01", DeniedError),
    ("42P10", DeniedError),
]

CAUSE_OF = [
    ("22000", "refused"),
    ("22001", "too-large"),
    ("22003", "out-of-range"),
    ("22004", "not-null"),
    ("22007", "bad-type"),
    ("22008", "out-of-range"),
    ("22012", "refused"),
    ("22021", "bad-text"),
    ("22P02", "bad-type"),
    ("22P05", "bad-text"),
    ("42804", "bad-type"),
    ("23000", "refused"),
    ("23502", "not-null"),
    ("23503", "foreign-key"),
    ("23505", "duplicate"),
    ("23514", "check"),
    ("23P01", "refused"),
    ("44000", "check"),
    ("54000", "too-large"),
    ("54001", "too-large"),
    ("P0001", "refused"),
]


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_every_code_has_its_kind(code: str, kind: type[StoreError]) -> None:
    """Each SQLSTATE is of exactly one kind, and the error carries it."""
    error = classify_sqlstate("pg", code, "what the server says")
    assert (type(error), error.code) == (kind, code)


@pytest.mark.parametrize(("code", "cause"), CAUSE_OF)
def test_every_fault_of_the_data_has_its_cause(code: str, cause: str) -> None:
    """Each SQLSTATE that speaks of the data is poison, with its cause out of CAUSES."""
    error = classify_sqlstate("pg", code, "what the server says")
    assert isinstance(error, PoisonError)
    assert (error.cause, error.code) == (cause, code)
    assert cause in CAUSES


@pytest.mark.parametrize(
    ("code", "message", "detail", "cause"),
    [
        ("22021", 'invalid byte sequence for encoding "UTF8": 0x00', "", "nul-byte"),
        ("22021", 'invalid byte sequence for encoding "UTF8": 0xed 0xa0 0x80', "", "bad-text"),
        ("22021", 'invalid byte sequence for encoding "UTF8": 0xe4 0x00', "", "bad-text"),
        ("22P05", "unsupported Unicode escape sequence", r"\u0000 cannot be converted to text.", "nul-byte"),
        ("22P05", "character has no equivalent in encoding LATIN1", "", "bad-text"),
        ("22023", "cannot cast jsonb string to type double precision", "", "bad-type"),
    ],
)
def test_one_code_may_mean_two_things(code: str, message: str, detail: str, cause: str) -> None:
    """Where a code is used for several faults, what the server says tells them apart."""
    error = classify_sqlstate("pg", code, message, detail=detail)
    assert isinstance(error, PoisonError)
    assert error.cause == cause


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("22023", 'role "nobody" does not exist', DeniedError),
        ("23514", 'no partition of relation "metrics" found for row', DeniedError),
        ("0A000", "cached plan must not change result type", TransientError),
        ("XX000", "Tenant or user not found", DeniedError),
        ("XX000", "MaxClientsInSessionMode: max clients reached", ThrottledError),
        ("XX000", "Max client connections reached", ThrottledError),
    ],
)
def test_texts_that_change_the_kind(code: str, message: str, kind: type[StoreError]) -> None:
    """A few messages say more than their code does."""
    assert type(classify_sqlstate("pg", code, message)) is kind


@pytest.mark.parametrize(
    ("code", "message", "smaller"),
    [
        ("57014", "canceling statement due to statement timeout", True),
        ("25P04", "terminating connection due to transaction timeout", True),
        ("53200", "out of memory", True),
        ("54000", "statement too long", True),
        ("54000", 'index row size 2712 exceeds btree version 4 maximum 2704 for index "x"', False),
        ("54000", "index row requires 12000 bytes, maximum size is 8191", False),
        ("40P01", "deadlock detected", False),
        ("22P02", "invalid input syntax", False),
        ("53300", "sorry, too many clients already", False),
    ],
)
def test_fewer_rows_are_asked_for_where_they_help(code: str, message: str, smaller: bool) -> None:
    """`smaller` is set for what depends on the size of the batch, and for nothing else."""
    assert classify_sqlstate("pg", code, message).smaller is smaller


@pytest.mark.parametrize("code", ["42P01", "42703", "42883", "3F000"])
def test_a_missing_table_says_what_to_run(code: str) -> None:
    """Whoever has not migrated is told the command."""
    assert "run `forebay db migrate`" in str(classify_sqlstate("pg", code, "does not exist"))


def test_the_message_says_what_and_where() -> None:
    """An operator reads the store, what the server said, its detail and the constraint, in one line."""
    error = classify_sqlstate("pg", "23514", "new row violates", detail="Failing row", constraint="c_check")
    assert str(error) == "store pg: new row violates (constraint c_check) (Failing row)"


def test_the_place_comes_first() -> None:
    """Where the server is known, the message says so, and is understood all the same."""
    error = classify_sqlstate("pg", "54000", "index row size 9000 exceeds", place="db:5432/metrics")
    assert str(error) == "store pg: db:5432/metrics: index row size 9000 exceeds"
    assert not error.smaller


def test_a_constraint_that_is_named_is_not_named_twice() -> None:
    """English messages name the constraint themselves."""
    error = classify_sqlstate("pg", "23514", 'violates check constraint "c_check"', constraint="c_check")
    assert str(error).count("c_check") == 1


def test_a_long_detail_is_cut() -> None:
    """A server that quotes the whole row does not fill the log."""
    assert len(str(classify_sqlstate("pg", "23502", "null value", detail="x" * 100_000))) < 500


def test_a_database_that_cannot_be_written_now_says_why() -> None:
    """25006 passes with the failover, or with room on the disk; it is no fault of the configuration."""
    assert "read-only" in str(classify_sqlstate("pg", "25006", "cannot execute INSERT"))
