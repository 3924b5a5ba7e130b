"""The FileSystem port: all that the journal asks of a disk, and the operating system behind it.

Every method of the port blocks; the journal calls them on its own thread. The simulated disk of the
tests stands behind the same port and forgets, on a power cut, whatever was not synced.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Protocol, TypeAlias

ReadableBuffer: TypeAlias = bytes | bytearray | memoryview

FULL: frozenset[int] = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The errors that mean "no room": disk full, quota reached, file-size limit reached."""


def is_full(error: OSError) -> bool:
    """Whether `error` says that there is no room, rather than that the disk is broken."""
    return error.errno in FULL


class File(Protocol):
    """An open file. Positions and sizes are bytes."""

    def read_at(self, position: int, size: int) -> bytes:
        """Up to `size` bytes from `position`; fewer only at the end of the file."""
        ...

    def write_at(self, position: int, data: ReadableBuffer) -> None:
        """Write all of `data`. Durable only after `sync`. Raises OSError."""
        ...

    def size(self) -> int:
        """The file's length."""
        ...

    def truncate(self, size: int) -> None:
        """Cut or extend the file to `size`."""
        ...

    def sync(self) -> None:
        """Return once all that was written is on the disk (`fdatasync`).

        After an OSError the state of what was written is unknown, and a second call on the same file
        would say yes without looking (fsyncgate, LWN 752063): close it and open it anew.
        """
        ...

    def forget(self) -> None:
        """Give back the memory that holds what is on the disk of it; it can be read again, more slowly."""
        ...

    def close(self) -> None:
        """Give the descriptor back."""
        ...


class FileSystem(Protocol):
    """A directory tree that can lose power. Paths are strings as `os` takes them."""

    def open(self, path: str, *, create: bool = False, write: bool = True) -> File:
        """The file at `path`, made empty if `create` and absent. Raises FileNotFoundError."""
        ...

    def names(self, directory: str) -> list[str]:
        """What is in `directory`, sorted."""
        ...

    def make_directory(self, path: str) -> None:
        """Make `path` and its parents where they are missing."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Move within a directory, atomically. Durable after `sync_directory`."""
        ...

    def remove(self, path: str) -> None:
        """Unlink. Durable after `sync_directory`."""
        ...

    def sync_directory(self, path: str) -> None:
        """Return once the entries of `path` are on the disk."""
        ...

    def free_bytes(self, path: str) -> int:
        """Room left for an unprivileged writer on the disk that holds `path`."""
        ...


class OsFile:
    """A File of the operating system."""

    def __init__(self, path: str, *, create: bool, write: bool) -> None:
        flags = os.O_RDWR if write else os.O_RDONLY
        self._fd = os.open(path, flags | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o640)

    def read_at(self, position: int, size: int) -> bytes:
        """See File."""
        return os.pread(self._fd, size, position)

    def write_at(self, position: int, data: ReadableBuffer) -> None:
        """See File. A short write (signal, disk nearly full) is carried on until an error says why."""
        written = os.pwrite(self._fd, data, position)
        if written == len(data):
            return
        with memoryview(data) as view:
            while written < len(view):
                written += os.pwrite(self._fd, view[written:], position + written)

    def size(self) -> int:
        """See File."""
        return os.fstat(self._fd).st_size

    def truncate(self, size: int) -> None:
        """See File."""
        os.ftruncate(self._fd, size)

    def sync(self) -> None:
        """See File."""
        os.fdatasync(self._fd)

    def forget(self) -> None:
        """See File (posix_fadvise(2), POSIX_FADV_DONTNEED)."""
        if sys.platform == "linux":
            os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        """See File."""
        # Closed twice, the number could by then be somebody else's file.
        fd, self._fd = self._fd, -1
        os.close(fd)


class OsFileSystem:
    """The operating system's FileSystem."""

    def open(self, path: str, *, create: bool = False, write: bool = True) -> File:
        """See FileSystem."""
        return OsFile(path, create=create, write=write)

    def names(self, directory: str) -> list[str]:
        """See FileSystem."""
        return sorted(os.listdir(directory))

    def make_directory(self, path: str) -> None:
        """See FileSystem."""
        os.makedirs(path, mode=0o750, exist_ok=True)

    def rename(self, old: str, new: str) -> None:
        """See FileSystem."""
        os.rename(old, new)

    def remove(self, path: str) -> None:
        """See FileSystem."""
        os.unlink(path)

    def sync_directory(self, path: str) -> None:
        """See FileSystem."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def free_bytes(self, path: str) -> int:
        """See FileSystem."""
        room = os.statvfs(path)
        return room.f_bavail * room.f_frsize


def yield_to_others() -> None:
    """Give this thread the processor only when no other thread wants it, or nearly so (nice 19).

    For work that may wait and hardly holds the interpreter, such as zeroes made ahead. On Linux a priority
    is a thread's own (setpriority(2), "C library/kernel differences"); elsewhere nothing happens.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


class DirectoryInUseError(Exception):
    """Another process holds the data directory; `pid` is None where it did not say who it is."""

    def __init__(self, directory: str, pid: int | None) -> None:
        self.directory = directory
        self.pid = pid
        who = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"{directory}: in use by {who}; stop it, or give this one another --data directory")


@contextmanager
def exclusive_lock(directory: str) -> Generator[None]:
    """Hold `directory`/lock, with this process's pid in it, until the block ends or the process dies.

    Raises DirectoryInUseError at once where another process holds it.
    """
    path = os.path.join(directory, "lock")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DirectoryInUseError(directory, lock_holder(directory)) from error
        # The pid is for people: a full disk is no reason to stay away from a journal that has room.
        with suppress(OSError):
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def lock_holder(directory: str) -> int | None:
    """The pid written in `directory`/lock: the holder if it is held, the last one if not."""
    try:
        with open(os.path.join(directory, "lock"), encoding="ascii") as lock:
            return int(lock.read().strip() or 0) or None
    except (OSError, ValueError):
        return None
