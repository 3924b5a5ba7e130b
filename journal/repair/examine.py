"""Looks at a journal's files and plans their repair; opens nothing for writing."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from journal.events import UnknownEventError, offsets_of
from journal.framing import Record, read_record
from journal.inspect.folder import QUARANTINE, look
from journal.metric import Nanoseconds
from journal.repair.plan import Copy, Part, Plan, planned
from journal.repair.rows import Row, own_id, replaced_newest, sorted_out, with_missing
from journal.repair.sources import PatientFile, Source, quarantined, source_of
from journal.repair.survey import Run, Survey, records_of, survey
from journal.replay import evolve_all, evolve_plain
from journal.state import State

_ID_HINT: Final = "give it with --journal-id; the store knows it: SELECT DISTINCT journal_id FROM metrics"


class JournalIdLostError(Exception):
    """No segment's header can be read, so nothing says which journal this is."""

    def __init__(self, directory: str) -> None:
        super().__init__(f"{directory}: no header can be read, and so the journal's id is lost; {_ID_HINT}")


def examined(
    directory: str,
    now: Nanoseconds,
    *,
    journal_id: UUID | None = None,
    given: int = 0,
    alone: bool = True,
    reading: Callable[[str, int], None] | None = None,
) -> Plan:
    """The plan to repair the journal in `directory`.

    Offsets before `given` are known to have been given. `alone`: nobody is writing to it. `reading` is told
    which byte of which file is being read. Raises NoJournalError, JournalIdLostError, LaterFormatError,
    OSError.
    """
    names = look(directory).segments
    sources = [source_of(directory, name) for name in names]
    own = journal_id or own_id(sources)
    if own is None:
        raise JournalIdLostError(directory)
    examination = _Examination(directory, alone, reading)
    kept, leaving = sorted_out(sources, own, examination.look)
    rows = examination.rows(kept)
    retired_before = max((row.survey.retired_before for row in rows if row.survey is not None), default=0)
    complete = with_missing(rows, retired_before)
    complete += replaced_newest(complete, names)
    if brought := list(_brought_back(directory, complete, own)):
        kept = sorted(
            [*(each for each in kept if each.first >= retired_before), *brought], key=lambda s: s.first
        )
        complete = with_missing(examination.rows(kept), retired_before)
        complete += replaced_newest(complete, names)
    return planned(complete, leaving, own, _Files(directory), now, given)


def _brought_back(directory: str, rows: Sequence[Row], own: UUID) -> Iterator[Source]:
    """What an earlier repair put aside of segments that are missing: it may have been cut off."""
    missing = {row.first for row in rows if row.source is None}
    if not missing:
        return
    for path in quarantined(directory, QUARANTINE):
        source = source_of(directory, path)
        if source.first in missing and source.journal_id in (None, own) and source.salt is not None:
            missing.remove(source.first)
            yield source


class _Examination:
    def __init__(self, directory: str, alone: bool, reading: Callable[[str, int], None] | None) -> None:
        self._directory = directory
        self._alone = alone
        self._reading = reading

    def look(self, source: Source) -> Survey:
        """What is in a file, wherever it belongs."""
        return self._survey(source, None, newest=False)

    def rows(self, sources: Sequence[Source]) -> list[Row]:
        """A row for each source, ascending."""
        ends = [*(source.first for source in sources[1:]), None]
        return [
            Row(source.first, source, self._survey(source, end, newest=end is None))
            for source, end in zip(sources, ends, strict=True)
        ]

    def _survey(self, source: Source, limit: int | None, *, newest: bool) -> Survey:
        told = None if self._reading is None else partial(self._reading, source.path)
        with PatientFile(self._directory, source.path, told) as file:
            return survey(file, source, limit, newest=newest, alone=self._alone)


class _Files:
    """See plan.Reading."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def record_at(self, row: Row, position: int) -> Record:
        """See Reading."""
        assert row.source is not None
        assert row.survey is not None
        (run,) = (run for run in row.survey.runs if run.position == position)
        with PatientFile(self._directory, row.source.path) as file:
            return next(records_of(file, row.source.salt or 0, run))

    def fold(self, row: Row, parts: Sequence[Part], salt: int) -> State:
        """See Reading. A record whose events this version cannot read counts as that many control events."""
        state = State()
        for record in self._records(row, parts, salt):
            if record.plain:
                state = evolve_plain(state, record.count)
                continue
            try:
                state = evolve_all(state, offsets_of(record.events(), record.base), record.time)
            except UnknownEventError:
                state = replace(state, events=state.events + record.count)
        return state

    def _records(self, row: Row, parts: Sequence[Part], salt: int) -> Iterator[Record]:
        for part in parts:
            if not isinstance(part, Copy):
                record = read_record(part.data, 0, salt)
                assert record is not None
                yield record
                continue
            assert row.source is not None
            with PatientFile(self._directory, row.source.path) as file:
                yield from records_of(file, salt, Run(part.position, part.end, 0, 0, 0, 0, 0, 0, 0))

    def salt(self) -> int:
        """See Reading. From the system's randomness: no client can know it (see journal/framing.py)."""
        return secrets.randbits(32)
