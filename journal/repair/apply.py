"""Carries out a plan, so that whatever stops it leaves nothing lost and nothing half done.

First everything that is new is written and synced in the quarantine, where no start looks. Then each original
is linked there under its old name. Only then does each new file take its place, by one rename that the disk
does whole or not at all: no name is ever empty, or half a segment. A repair that was cut off in between
leaves some segments repaired and some not, and the next one does the rest; a segment whose name was taken
from it meanwhile (two that were swapped) is found in the quarantine.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from journal.disk import OsFileSystem, is_full
from journal.inspect.folder import QUARANTINE
from journal.metric import Nanoseconds
from journal.repair.plan import Copy, Mended, Plan
from journal.repair.sources import PatientFile

_NEW: Final = "new"
_CHUNK: Final = 1024 * 1024
REPORT: Final = "report.json"


class NoRoomError(Exception):
    """There is no room for the repaired segments beside the originals."""

    def __init__(self, directory: str, needed: int) -> None:
        super().__init__(
            f"{directory}: no room for {needed:,} bytes of repaired segments; nothing was changed: make room "
            f"on that disk, then repair again"
        )


class RepairFileSystem(OsFileSystem):
    """The operating system's FileSystem, with what a repair needs beside."""

    def link(self, old: str, new: str) -> None:
        """Give the file `old` the name `new` as well; a copy of it where the disk knows no links."""
        try:
            os.link(old, new)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
                raise
            shutil.copy2(old, new)
            file = self.open(new)
            try:
                file.sync()
            finally:
                file.close()

    def hand_over(self, path: str, directory: str) -> None:
        """Give `path` to the owner of `directory`, where it is made by root for a process that is not."""
        owner, made = os.stat(directory), os.stat(path)
        if (owner.st_uid, owner.st_gid) != (made.st_uid, made.st_gid):
            with suppress(PermissionError):
                os.chown(path, owner.st_uid, owner.st_gid)

    def remove_tree(self, path: str) -> None:
        """Remove the directory `path` and what is in it."""
        shutil.rmtree(path, ignore_errors=True)


def quarantine_name(now: Nanoseconds) -> str:
    """Where the originals of a repair at `now` go, relative to the journal's directory."""
    moment = datetime.fromtimestamp(now // 1_000_000_000, UTC)
    return os.path.join(QUARANTINE, f"{moment:%Y%m%dT%H%M%S}.{now % 1_000_000_000:09d}Z")


def apply(directory: str, plan: Plan, report: bytes, now: Nanoseconds, fs: RepairFileSystem) -> None:
    """Make the journal in `directory` what `plan` says, keeping the originals and `report` under
    `quarantine_name(now)`. The caller holds the lock. Raises NoRoomError, OSError.
    """
    touched = [mended for mended in plan.segments if mended.touched]
    names = {mended.row.name for mended in plan.segments}
    sources = {mended.row.source.path for mended in touched if mended.row.source is not None}
    leaving = {each.path for each in plan.leaving} | {path for path in sources if path not in names}
    leaving = {path for path in leaving if os.path.dirname(path) == "" and path not in names}
    aside = os.path.join(directory, quarantine_name(now))
    try:
        _prepare(directory, aside, plan, touched, leaving, report, fs)
    except OSError as error:
        fs.remove_tree(aside)
        if is_full(error):
            raise NoRoomError(directory, sum(map(_size, touched))) from error
        raise
    for mended in touched:
        fs.rename(os.path.join(aside, _NEW, mended.row.name), os.path.join(directory, mended.row.name))
        fs.sync_directory(directory)
    for path in sorted(leaving):
        fs.remove(os.path.join(directory, path))
    fs.sync_directory(directory)
    for when in fs.names(os.path.join(directory, QUARANTINE)):
        # Also what a repair that was cut off had yet to put in place: it has been made anew.
        fs.remove_tree(os.path.join(directory, QUARANTINE, when, _NEW))


def _prepare(
    directory: str,
    aside: str,
    plan: Plan,
    touched: Sequence[Mended],
    leaving: set[str],
    report: bytes,
    fs: RepairFileSystem,
) -> None:
    """Write all that is new, and link all that goes, so that nothing but renames is left to do."""
    new = os.path.join(aside, _NEW)
    fs.make_directory(new)
    for mended in touched:
        # Also what needs another name only: a segment is written to, and at last recycled, an original not.
        path = os.path.join(new, mended.row.name)
        _write(directory, mended, path, fs)
        fs.hand_over(path, directory)
    for name in sorted({mended.row.name for mended in touched} | leaving):
        with suppress(FileNotFoundError):
            fs.link(os.path.join(directory, name), os.path.join(aside, name))
    file = fs.open(os.path.join(aside, REPORT), create=True)
    try:
        file.write_at(0, report)
        file.sync()
    finally:
        file.close()
    for path in (new, aside, os.path.dirname(aside)):
        fs.hand_over(path, directory)
        fs.sync_directory(path)
    fs.sync_directory(directory)


def _size(mended: Mended) -> int:
    return sum(
        part.end - part.position if isinstance(part, Copy) else len(part.data) for part in mended.parts
    )


def _write(directory: str, mended: Mended, path: str, fs: RepairFileSystem) -> None:
    """Write the segment to a new file at `path`, and sync it."""
    source = mended.row.source
    file = fs.open(path, create=True)
    try:
        data = mended.header.encode()
        file.write_at(0, data)
        at = len(data)
        for part in mended.parts:
            if not isinstance(part, Copy):
                file.write_at(at, part.data)
                at += len(part.data)
                continue
            assert source is not None
            with PatientFile(directory, source.path) as original:
                for position in range(part.position, part.end, _CHUNK):
                    data = original.read(position, min(_CHUNK, part.end - position))
                    file.write_at(at, data)
                    at += len(data)
        file.sync()
    finally:
        file.close()
