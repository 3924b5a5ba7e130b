"""Makes a damaged journal one that verifies and starts, without giving up anything that can be read.

Every readable record is kept as it stands, byte for byte, and every original whole in the quarantine. What
is lost is named by an event, OffsetsLost, that takes exactly the offsets that are lost: so offsets, chain and
fold go on for every reader, and none needs to know of repairs.

    crc       CRC-32 run backwards
    making    records with the very check that what follows expects
    sources   what each file says it is, also where its header is damaged
    survey    what can be read of a segment
    rows      which file belongs where, and where one is missing
    losses    which offsets are lost, and how many metrics were among them
    plan      what the repaired journal is made of
    examine   asks the files, and plans
    apply     carries out a plan
    report    tells it

Between `examined` and `apply` stands a plan that can be looked at: that is the dry run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from uuid import UUID

import msgspec

from journal.disk import DirectoryInUseError, exclusive_lock
from journal.metric import Nanoseconds
from journal.repair.apply import NoRoomError, RepairFileSystem, apply, quarantine_name
from journal.repair.examine import JournalIdLostError, examined
from journal.repair.plan import GapTooWideError
from journal.repair.report import Deed, Loss, Report, Work, report_of

__all__ = [
    "Deed",
    "GapTooWideError",
    "JournalIdLostError",
    "JournalInUseError",
    "Loss",
    "NoRoomError",
    "RepairFileSystem",
    "Report",
    "Work",
    "dry_run",
    "repair",
]


class JournalInUseError(Exception):
    """A process has the journal open: it cannot be repaired meanwhile."""

    def __init__(self, data: str, pid: int | None) -> None:
        who = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"{data}: in use by {who}; stop it, then repair (nothing was changed)")


def dry_run(
    directory: str,
    *,
    journal_id: UUID | None = None,
    given: int = 0,
    alone: bool = True,
    now: Nanoseconds | None = None,
    reading: Callable[[str, int], None] | None = None,
) -> Report:
    """What `repair` would do with the journal in `directory`; nothing is changed.

    `journal_id` is what the journal's id is, where no header says so any more; offsets before `given` are
    known to have been given, whatever the files say; `alone`: nobody writes to it.
    Raises NoJournalError, JournalIdLostError, GapTooWideError, LaterFormatError, OSError.
    """
    at = time.time_ns() if now is None else now
    for last in (False, False, False, True):
        try:
            plan = examined(directory, at, journal_id=journal_id, given=given, alone=alone, reading=reading)
            return report_of(directory, plan, quarantine_name(at), applied=False)
        except FileNotFoundError:
            # Retention took a segment meanwhile.
            if alone or last:
                raise
    raise AssertionError


def repair(
    directory: str,
    *,
    journal_id: UUID | None = None,
    given: int = 0,
    now: Nanoseconds | None = None,
    reading: Callable[[str, int], None] | None = None,
    fs: RepairFileSystem | None = None,
) -> Report:
    """Repair the journal in `directory`, holding the lock beside it, and tell what was done.

    Raises what `dry_run` does, and JournalInUseError, NoRoomError; nothing is changed then.
    """
    at = time.time_ns() if now is None else now
    data = os.path.dirname(os.path.abspath(directory))
    try:
        with exclusive_lock(data):
            plan = examined(directory, at, journal_id=journal_id, given=given, reading=reading)
            report = report_of(directory, plan, quarantine_name(at), applied=True)
            if report.work:
                told = msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
                apply(directory, plan, told, at, fs or RepairFileSystem())
            return report
    except DirectoryInUseError as error:
        raise JournalInUseError(data, error.pid) from error
