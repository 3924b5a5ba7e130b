"""What lies in a journal's directory, and who writes there. Nothing is opened for writing or locked."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import msgspec

from journal.disk import lock_holder
from journal.framing import SEGMENT_HEADER_SIZE, SegmentHeader, decode_segment_header
from journal.segment import SPARE, NoJournalError, first_offset_of
from journal.writer import RECYCLED

_EVIDENCE = re.compile(r"^\d{20}\.torn-(\d+)-\d+$")
_JOURNAL: Final = "journal"
QUARANTINE: Final = "quarantine"
"""Where `repair` keeps what it replaced: a directory in the journal's own, so that a rename gets there."""


class Folder(msgspec.Struct, frozen=True):
    """The names in a journal's directory, each list sorted.

    Names may hold any byte: those of `strays` are escaped where they would be more than a line of text.
    """

    path: str
    segments: list[str]
    evidence: list[str]
    strays: list[str]


def journal_directory(given: str) -> str:
    """The journal that `given` means: a data directory's own, or `given` itself.

    Raises NoJournalError where no segment is in it.
    """
    within = os.path.join(given, _JOURNAL)
    path = within if os.path.isdir(within) else given
    look(path)
    return path


def look(path: str) -> Folder:
    """What lies in the journal's directory `path`. Raises NoJournalError where no segment does."""
    try:
        names = sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        raise NoJournalError(path) from None
    segments = [name for name in names if first_offset_of(name) is not None]
    if not segments:
        raise NoJournalError(path)
    evidence = [name for name in names if _EVIDENCE.match(name)]
    known = {SPARE, RECYCLED, QUARANTINE, *segments, *evidence}
    return Folder(path, segments, evidence, [_as_shown(name) for name in names if name not in known])


def _as_shown(name: str) -> str:
    return name if name.isprintable() else name.encode("unicode_escape").decode("ascii")


def segment_sizes(path: str) -> dict[str, int]:
    """The bytes of each segment, without those that retention took meanwhile. Raises NoJournalError."""
    sizes: dict[str, int] = {}
    for name in look(path).segments:
        with suppress(FileNotFoundError):
            sizes[name] = os.stat(os.path.join(path, name)).st_size
    return sizes


def evidence_byte(name: str) -> int:
    """From which byte of its segment the torn tail in the file `name` was cut."""
    match = _EVIDENCE.match(name)
    return int(match.group(1)) if match else 0


def writer_of(path: str) -> int | None:
    """The pid of the process that now holds the lock beside the journal's directory `path`, if any.

    Read from /proc/locks, see proc(5): trying the lock, even shared, could refuse a start. Where there is
    no such file, a living process of that pid counts as the holder.
    """
    data = os.path.dirname(os.path.abspath(path))
    pid = lock_holder(data)
    if pid is None:
        return None
    try:
        inode = os.stat(os.path.join(data, "lock")).st_ino
        with open("/proc/locks", encoding="ascii") as locks:
            held = any("FLOCK" in line and f":{inode} " in line for line in locks)
    except OSError:
        held = os.path.exists(f"/proc/{pid}") or _alive(pid)
    return pid if held else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class SegmentFile:
    """A segment open for reading. Raises OSError, FileNotFoundError where it has been retired."""

    def __init__(self, directory: str, name: str, reading: Callable[[int], None] | None = None) -> None:
        self.name = name
        self.path = os.path.join(directory, name)
        self._reading = reading
        # Not blocking: a pipe of that name would be waited for without end.
        self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    @property
    def size(self) -> int:
        """Its length in bytes, preallocated ones included."""
        return os.fstat(self._fd).st_size

    def read(self, position: int, size: int) -> bytes:
        """Up to `size` bytes from `position`; fewer only at the end of the file."""
        data = os.pread(self._fd, size, position)
        while 0 < len(data) < size and (more := os.pread(self._fd, size - len(data), position + len(data))):
            data += more
        if self._reading is not None:
            self._reading(position + len(data))
        return data

    def header(self) -> SegmentHeader | str:
        """Its header, or what is wrong with it. Raises LaterFormatError."""
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            return "no file, but a directory or a device"
        if self.size == 0:
            return "empty file"
        return decode_segment_header(self.read(0, SEGMENT_HEADER_SIZE), self.name)

    def gone(self) -> bool:
        """Whether retention has taken the file meanwhile: then it may be zeroes, and says nothing."""
        try:
            return os.stat(self.path).st_ino != os.fstat(self._fd).st_ino
        except FileNotFoundError:
            return True
