"""The blocking half of the journal: one thread writes, syncs and rolls; another makes zeroes ahead.

The loop's half (log.py) decides what stands where; this half only does it, and knows how to go on after
the disk has said no.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from journal.disk import File, FileSystem
from journal.framing import read_record
from journal.segment import SPARE

_ZEROES: Final = bytes(1024 * 1024)
_PROBE: Final = 4096
RECYCLED: Final = SPARE + ".part"
"""A retired segment on its way to become a spare, or a spare not yet all zeroes."""


def write_zeroes(file: File, size: int, go_on: Callable[[], bool] = lambda: True) -> bool:
    """Make the first `size` bytes of `file` zeroes that are on the disk; False if told not to go on.

    Raises OSError.
    """
    for position in range(0, size, len(_ZEROES)):
        if not go_on():
            return False
        file.write_at(position, _ZEROES[: size - position])
        # Little by little: one sync of it all would hold up the journal's own.
        file.sync()
    return True


class Roll(msgspec.Struct, frozen=True):
    """Begin the segment `name` with `head`, its header and snapshot record."""

    name: str
    head: bytes


class Write(msgspec.Struct, frozen=True):
    """Write `data` at `position` of the segment; then sync if told."""

    position: int
    data: bytes | bytearray
    salt: int
    sync: bool


class SyncedDataLostError(OSError):
    """After a failed sync, what had been synced before it could not be read back."""

    def __init__(self, segment: str, position: int) -> None:
        super().__init__(f"{segment}: byte {position}: the record synced last cannot be read back")


class SegmentWriter:
    """Writes to the end of the newest segment. Its methods block; only one thread may call them."""

    def __init__(self, fs: FileSystem, directory: str, name: str, end: int, salt: int) -> None:
        self._fs = fs
        self._directory = directory
        self._name = name
        self._file: File = fs.open(self._path(name))
        self._end = end
        self.synced = end
        """Everything before this byte of the segment is on the disk."""
        self._last_record = (end, salt)
        self._unfinished: tuple[int, int] | None = None
        self._doubtful = False
        """A sync failed, and what it was to save has not been written again: a further sync says nothing."""
        self._spare_lock = threading.Lock()
        self._leaving = False
        self.must_roll = False
        """A roll got as far as giving the new segment its name: nothing may be written to the old one."""

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)

    def perform(self, write: Write) -> None:
        """Do what `write` says. After an OSError nothing of it counts, and the next call begins by
        wiping what it may have left."""
        self._wipe_unfinished()
        try:
            self._file.write_at(write.position, write.data)
        except OSError:
            self._unfinished = (write.position, len(write.data))
            with contextlib.suppress(OSError):
                self._wipe_unfinished()
            raise
        start, self._end = self._end, write.position + len(write.data)
        if write.sync:
            try:
                self._make_last(write.position, write.data)
            except OSError:
                self._end = start
                self._unfinished = (write.position, len(write.data))
                raise
        self._last_record = (write.position, write.salt)

    def sync(self) -> None:
        """Make all that was written last, for journals that do not sync at each write.

        What a failed write has left is wiped first: that, too, shows whether the disk is well again.
        """
        self._wipe_unfinished()
        if self.synced < self._end:
            data = self._file.read_at(self.synced, self._end - self.synced)
            self._make_last(self.synced, data)

    def _make_last(self, position: int, data: bytes | bytearray) -> None:
        """Sync; `data`, from `position` on, is all that was written since the last sync that succeeded."""
        if not self._doubtful:
            try:
                self._file.sync()
            except OSError:
                self._doubtful = True
        if self._doubtful:
            # The kernel may have marked the pages clean: only a new descriptor, the data written to it
            # again, and a sync that then succeeds say anything about the disk.
            self._reopen()
            self._check_last_record()
            self._file.write_at(position, data)
            self._file.sync()
            self._doubtful = False
        self.synced = self._end

    def _reopen(self) -> None:
        # Opened before the old one is closed: where that fails, the old number must not become another's.
        fresh = self._fs.open(self._path(self._name))
        with contextlib.suppress(OSError):
            self._file.close()
        self._file = fresh

    def _check_last_record(self) -> None:
        position, salt = self._last_record
        if position >= self.synced:
            return
        data = self._file.read_at(position, self.synced - position)
        if read_record(data, 0, salt) is None:
            raise SyncedDataLostError(self._name, position)

    def _wipe_unfinished(self) -> None:
        """Zeroes over what a failed write may have left, so that it can never be read as a record."""
        if self._unfinished is None:
            return
        position, size = self._unfinished
        self._reopen()
        end = min(self._file.size(), position + size)
        if end > position:
            self._file.write_at(position, bytes(end - position))
            try:
                self._file.sync()
            except OSError:
                self._doubtful = True
                raise
        self._unfinished = None
        self._doubtful = self._doubtful and self.synced < self._end

    def roll(self, roll: Roll) -> None:
        """Go on in a new segment, what was written to the old one being on the disk.

        After an OSError this one is still written to, unless `must_roll` says otherwise.
        """
        self._wipe_unfinished()
        self.sync()
        spare = self._path(SPARE)
        with self._spare_lock:
            file = self._fs.open(spare, create=True)
            try:
                file.write_at(0, roll.head)
                file.sync()
                self.must_roll = True
                self._fs.rename(spare, self._path(roll.name))
                self._fs.sync_directory(self._directory)
            except OSError:
                file.close()
                if not self.must_roll:
                    with contextlib.suppress(OSError):
                        self._fs.remove(spare)
                raise
        with contextlib.suppress(OSError):
            # The next zeroes are written into the memory that this frees. Otherwise the journal goes through
            # all of the machine's, whose fresh pages cost several times as much as the writing itself.
            self._file.forget()
            self._file.close()
        self.must_roll = self._doubtful = False
        self._name, self._file = roll.name, file
        self._end = self.synced = len(roll.head)
        self._last_record = (self._end, 0)

    def leave(self) -> None:
        """Let `make_spare` end soon, without a spare. May be called from any thread."""
        self._leaving = True

    def has_spare(self) -> bool:
        """Whether a file of zeroes waits to become the next segment."""
        return SPARE in self._fs.names(self._directory)

    def has_recycled(self) -> bool:
        """Whether a retired segment waits to become a spare, which then takes no more room."""
        return RECYCLED in self._fs.names(self._directory)

    def make_spare(self, size: int) -> None:
        """Make the file that becomes the next segment: `size` bytes of written zeroes.

        May run beside `perform`, on another thread. Raises OSError and leaves nothing where there is no
        room for it.
        """
        part = self._path(RECYCLED)
        with self._spare_lock:
            file = self._fs.open(part, create=True)
        try:
            file.truncate(min(file.size(), size))
            whole = write_zeroes(file, size, lambda: not self._leaving)
        except OSError:
            file.close()
            with contextlib.suppress(OSError):
                self._fs.remove(part)
            raise
        file.close()
        if not whole:
            return
        with self._spare_lock:
            if self.has_spare():
                self._fs.remove(part)
            else:
                self._fs.rename(part, self._path(SPARE))

    def try_spare(self) -> None:
        """Write the end of the spare again, as zeroes, and sync: it shows that the disk takes more.

        Raises OSError where it does not: a file-size limit or a quota is not seen in the room that is free.
        """
        with self._spare_lock:
            if not self.has_spare():
                return
            file = self._fs.open(self._path(SPARE))
            try:
                size = file.size()
                file.write_at(max(size - _PROBE, 0), bytes(min(size, _PROBE)))
                file.sync()
            finally:
                file.close()

    def retire(self, names: list[str]) -> None:
        """Delete segments, oldest first, keeping one to be made a spare of."""
        # Locked, so that nothing is zeroed before its new name is on the disk, and so that no segment
        # takes the name of a file that is being zeroed: it would become a spare with its records in it.
        with self._spare_lock:
            for name in names:
                if self.has_recycled() or self.has_spare():
                    self._fs.remove(self._path(name))
                else:
                    self._fs.rename(self._path(name), self._path(RECYCLED))
            self._fs.sync_directory(self._directory)

    def close(self) -> None:
        """Give the descriptor back, without syncing."""
        self._file.close()
