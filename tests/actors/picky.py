"""A store that refuses what somebody has declared bad, as a database with a check does."""

from __future__ import annotations

from collections.abc import Sequence

from actors.stores.base import HistoryStore, LetterRow, PoisonError, Refusal, Row, StoreError
from journal.metric import Offset
from tests.actors.wrapped import Wrapped


class Picky(Wrapped):
    """`store`, but that a write with a metric whose name begins with `bad` is refused, whole; where it
    `names` them, with the guilty rows named. Counts the calls, and fails when told to."""

    def __init__(self, store: HistoryStore, *, names: bool = False) -> None:
        super().__init__(store)
        self._names = names
        self.refuses = True
        self.refuses_all = False
        self.stuck: set[str] = set()
        """Names of metrics with which a write fails by chance, every time."""
        self.chance: StoreError | None = None
        self.before: StoreError | None = None
        self.opens = 0
        self.writes: list[int] = []
        self.mirrored: dict[Offset, LetterRow] = {}
        self.mirror_fails: StoreError | None = None

    async def open(self, journal_id: str) -> Offset | None:
        self.opens += 1
        if self.before is not None:
            raise self.before
        return await super().open(journal_id)

    async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
        self.writes.append(len(rows))
        if self.before is not None:
            raise self.before
        bad = [row for row in rows if self.refuses_all or row.metric.name.startswith("bad")]
        if bad and (self.refuses or self.refuses_all):
            detail = f"new row for relation violates check constraint: {bad[0].metric.name}"
            refusals = [Refusal(row.offset, "check", detail) for row in bad] if self._names else []
            raise PoisonError(self.name, detail, cause="check", refusals=refusals)
        if self.chance is not None and any(row.metric.name in self.stuck for row in rows):
            raise self.chance
        await super().write(rows, cursor)

    async def mirror(self, letters: Sequence[LetterRow]) -> None:
        if self.mirror_fails is not None:
            raise self.mirror_fails
        await super().mirror(letters)
        self.mirrored |= {letter.offset: letter for letter in letters}
