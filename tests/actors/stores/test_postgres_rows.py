from __future__ import annotations

import asyncpg
import pytest

from actors.stores.bounds import within_int64
from actors.stores.postgres_rows import literal, shown, timestamp
from tests.contracts.store_rows import MAX_INT64, MIN_INT64
from tests.supabase.fixtures import local_postgres
from tests.supabase.postgres import Postgres

__all__ = ["local_postgres"]


@pytest.mark.parametrize("conforming", ["on", "off"])
async def test_a_literal_is_read_back_as_it_was(local_postgres: Postgres, conforming: str) -> None:
    """Quotes and backslashes come through on every server, and end no literal."""
    texts = ["", "plain", "it's", "\\", "\\'", "'; drop table metrics; --", "a\\nb\n", "µ 🛰", "$$", "E''"]
    connection = await asyncpg.connect(local_postgres.dsn())
    try:
        await connection.execute(f"set standard_conforming_strings = {conforming}")
        for text in texts:
            assert await connection.fetchval(f"select{literal(text)}") == text
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00+00:00"),
        (999, "1970-01-01T00:00:00+00:00"),
        (-1, "1969-12-31T23:59:59.999999+00:00"),
        (MAX_INT64, "2262-04-11T23:47:16.854775+00:00"),
        (MIN_INT64, "1677-09-21T00:12:43.145224+00:00"),
    ],
)
def test_a_timestamp_is_rounded_down(ns: int, text: str) -> None:
    """Before the epoch too, and to the ends of 64 bits."""
    assert timestamp(ns).isoformat() == text


def test_a_text_is_shown_whatever_it_holds() -> None:
    """NUL and lone surrogates are escaped, all else stays."""
    assert shown("a\0b \ud800 µ") == "a\\u0000b \\ud800 µ"


def test_a_range_is_cut_to_64_bits() -> None:
    """Bounds beyond what the columns hold ask for all there is; an empty range for nothing."""
    assert within_int64(-(2**70), 2**70) == (MIN_INT64, MAX_INT64)
    assert within_int64(5, 9) == (5, 8)
    first, last = within_int64(2**63, 2**64)
    assert last < first
