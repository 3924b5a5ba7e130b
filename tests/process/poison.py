"""Metrics of which some can never be stored, and what is to become of each of them."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from actors.stores.base import HistoryStore, LetterRow, PoisonError, Row
from journal.metric import Metric, Offset

NOON = 1_750_000_000_000_000_000
"""Nanoseconds: when the good ones were measured."""

RULES = """
alter table metrics add constraint value_not_negative check (value >= 0);
alter table metrics add constraint time_plausible check ("time" >= '2001-01-01');
create function refuse_unit() returns trigger language plpgsql as
  $$begin if new.unit = 'forbidden' then raise 'no such unit here'; end if; return new; end$$;
create trigger unit_allowed before insert on metrics for each row execute function refuse_unit();
"""
"""What the owner of the tables has added; NO_RULES takes that away, and a limit of ours."""

NO_RULES = """
drop trigger unit_allowed on metrics;
alter table metrics drop constraint value_not_negative;
alter table metrics drop constraint time_plausible;
alter table metrics drop constraint metrics_source_length;
"""

SQLITE_RULES = """
create trigger value_not_negative before insert on metrics when new.value < 0
  begin select raise(abort, 'value_not_negative'); end;
create trigger unit_allowed before insert on metrics when new.unit = 'forbidden'
  begin select raise(abort, 'no such unit here'); end;
"""


class Kind(NamedTuple):
    """A way to be refused: fields of the metric, the cause, and what its error must name. `named`: the store
    can say which row it is without a search through the batch; `mendable`: NO_RULES lets it pass."""

    fields: Mapping[str, Any]
    cause: str
    error: str
    named: bool = True
    mendable: bool = True


NEGATIVE = Kind({"value": -1.0}, "check", "value_not_negative")
EARLY = Kind({"time": 1_000_000_000}, "check", "time_plausible")
LONG = Kind({"source": "s" * 769}, "check", "metrics_source_length")
NUL = Kind({"session": "a\0b"}, "nul-byte", "session", mendable=False)
NUL_INSIDE = Kind({"attributes": {"host": "\0"}}, "nul-byte", "'host'", mendable=False)
FORBIDDEN = Kind({"unit": "forbidden"}, "refused", "no such unit here", named=False)

KINDS = (NEGATIVE, EARLY, LONG, NUL, NUL_INSIDE, FORBIDDEN)
SQLITE_KINDS = (
    NEGATIVE._replace(cause="refused", named=False),
    FORBIDDEN,
)


def scattered(
    total: int, guilty: int, kinds: Sequence[Kind] = KINDS, seed: int = 1
) -> tuple[list[dict[str, Any]], dict[int, Kind]]:
    """`total` metrics, and which of them are bad, by index: `guilty` of them, anywhere, `kinds` in turn."""
    places = random.Random(seed).sample(range(total), guilty)
    bad = {place: kinds[number % len(kinds)] for number, place in enumerate(places)}
    metrics: list[dict[str, Any]] = [
        {
            "name": f"name-{number % 10}",
            "value": float(number),
            "time": NOON + number * 1_000_000,
            "source": f"host-{number % 7}",
            **(bad[number].fields if number in bad else {}),
        }
        for number in range(total)
    ]
    return metrics, bad


def searched(rows: int, guilty: int) -> float:
    """Writes that a search for `guilty` among `rows`, in whatever batches, takes beyond a write a batch: the
    bound of core/search.py, `2 k (log2(n / k) + 2)`. It is concave, so it holds for the sum over batches."""
    return 2 * guilty * (math.log2(rows / guilty) + 2) if guilty else 0.0


class Counting:
    """`store`, and what came of its writes: rows sent in those that passed and in those that were refused."""

    def __init__(self, store: HistoryStore) -> None:
        self._store = store
        self.name = store.name
        self.batch = store.batch
        self.passed: list[int] = []
        self.refused: list[int] = []
        self.mirrored: dict[Offset, LetterRow] = {}
        self.open, self.look, self.maintain, self.close = store.open, store.look, store.maintain, store.close
        self.offsets, self.rows = store.offsets, store.rows
        self.series, self.names, self.sessions = store.series, store.names, store.sessions

    @property
    def writes(self) -> int:
        """How often `write` was called."""
        return len(self.passed) + len(self.refused)

    async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
        try:
            await self._store.write(rows, cursor)
        except PoisonError:
            self.refused.append(len(rows))
            raise
        self.passed.append(len(rows))

    async def mirror(self, letters: Sequence[LetterRow]) -> None:
        await self._store.mirror(letters)
        self.mirrored |= {letter.offset: letter for letter in letters}


def as_metrics(metrics: Sequence[Mapping[str, Any]]) -> list[Metric]:
    """`metrics` as the edge decodes them."""
    return msgspec.convert(metrics, list[Metric])
