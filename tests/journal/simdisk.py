"""A disk that forgets what was not synced, behind the FileSystem port.

Each 512-byte sector keeps every content that may stand on the platter: what was synced last, and what
each later write made of it. A sync leaves one; a power cut (`crash`) picks any, for each sector by itself.
Likewise for file lengths, and for directory entries until `sync_directory`.

A sync that fails does what Linux does: the sectors are no longer dirty, though nobody knows what of them
is on the platter, so a later sync of any descriptor passes over them until they are written again.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from journal.disk import ReadableBuffer
from tests.journal.platter import SECTOR, Choose, Directory, Inode, Node

Operation: TypeAlias = Literal["open", "write", "truncate", "sync", "rename", "remove", "sync_directory"]


class PowerCutError(OSError):
    """The simulated machine has no power."""

    def __init__(self) -> None:
        super().__init__(errno.EIO, "the power is off")


@dataclass
class _Fault:
    operation: Operation
    countdown: int
    code: int
    share: float
    name: str


class SimDisk:
    """A FileSystem that can lose power. `capacity` in bytes of file length; None is endless."""

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = capacity
        self.syncs = 0
        """File syncs asked for so far."""
        self.failed_descriptors_synced_again = 0
        """Syncs asked of a descriptor whose sync had failed: such a sync says yes and does nothing."""
        self.uses_after_close = 0
        """Reads, writes and closes through a descriptor given back; its number may be another file's."""
        self._root = Directory()
        self._lock = threading.RLock()
        self._faults: list[_Fault] = []
        self._steps_left: int | None = None

    # --- what tests do to it

    def fail(
        self, operation: Operation, nth: int = 1, code: int = errno.EIO, share: float = 0.5, name: str = ""
    ) -> None:
        """Let the `nth` of the coming `operation`s (on files whose name has `name` in it) fail with `code`.

        A write does `share` of its work first, up to the end of a sector.
        """
        with self._lock:
            self._faults.append(_Fault(operation, nth, code, share, name))

    def mend(self) -> None:
        """Forget the faults that have not struck."""
        with self._lock:
            self._faults.clear()

    def cut_power_after(self, steps: int) -> None:
        """Let `steps` more changing operations happen; what comes then raises PowerCutError."""
        with self._lock:
            self._steps_left = steps

    @property
    def powerless(self) -> bool:
        """Whether the cut has come."""
        return self._steps_left is not None and self._steps_left < 0

    def crash(self, choose: Choose) -> SimDisk:
        """The disk as it is found when the power is back."""
        with self._lock:
            found = SimDisk(self.capacity)
            found._root = self._root.after_crash(choose)
            return found

    def killed(self) -> SimDisk:
        """The disk as the next process finds it when this one was killed: nothing is lost, or synced."""
        with self._lock:
            found = SimDisk(self.capacity)
            found._root = self._root.copy()
            return found

    def content(self, path: str) -> bytes:
        """What is in the file at `path`."""
        return bytes(self._inode(path).content)

    def replace(self, path: str, content: bytes) -> None:
        """Put `content` at `path`, on the platter, behind everybody's back."""
        inode = Inode()
        inode.write(0, content)
        inode.sync()
        directory, name = self._directory_of(path)
        directory.entries[name] = directory.synced[name] = inode

    def used(self) -> int:
        """Bytes that files take."""
        return sum(len(inode.content) for inode in _files(self._root))

    # --- the port

    def open(self, path: str, *, create: bool = False, write: bool = True) -> SimFile:
        """See FileSystem."""
        with self._lock:
            directory, name = self._directory_of(path)
            node = directory.entries.get(name)
            if node is None:
                if not create:
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
                self.step("open", path)
                node = Inode()
                directory.change(None, name, node)
            if not isinstance(node, Inode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            return SimFile(self, node, path, write=write)

    def names(self, directory: str) -> list[str]:
        """See FileSystem."""
        with self._lock:
            return sorted(self._find(directory).entries)

    def make_directory(self, path: str) -> None:
        """See FileSystem."""
        with self._lock:
            at = self._root
            for name in _parts(path):
                node = at.entries.get(name)
                if node is None:
                    self.step("open", path)
                    at.change(None, name, node := Directory())
                if not isinstance(node, Directory):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
                at = node

    def rename(self, old: str, new: str) -> None:
        """See FileSystem."""
        with self._lock:
            inode = self._inode(old)
            self.step("rename", old)
            (directory, old_name), (other, new_name) = self._directory_of(old), self._directory_of(new)
            if directory is not other:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), old)
            directory.change(old_name, new_name, inode)

    def remove(self, path: str) -> None:
        """See FileSystem."""
        with self._lock:
            inode = self._inode(path)
            self.step("remove", path)
            directory, name = self._directory_of(path)
            directory.change(name, None, inode)

    def sync_directory(self, path: str) -> None:
        """See FileSystem."""
        with self._lock:
            self.step("sync_directory", path)
            self._find(path).sync()

    def free_bytes(self, path: str) -> int:
        """See FileSystem."""
        with self._lock:
            self._find(path)
            return (1 << 50 if self.capacity is None else self.capacity) - self.used()

    # --- for SimFile

    def step(self, operation: Operation, path: str) -> _Fault | None:
        """Count an operation. Raises the fault that is due, or returns it if it is a write's or a sync's."""
        if self._steps_left is not None:
            self._steps_left -= self._steps_left >= 0
            if self._steps_left < 0:
                raise PowerCutError
        due = None
        for fault in list(self._faults):
            if fault.operation == operation and fault.name in os.path.basename(path):
                fault.countdown -= 1
                if fault.countdown == 0:
                    self._faults.remove(fault)
                    due = fault
        if due is not None and operation not in ("write", "sync"):
            raise OSError(due.code, os.strerror(due.code), path)
        return due

    @property
    def lock(self) -> threading.RLock:
        """One operation at a time."""
        return self._lock

    def _directory_of(self, path: str) -> tuple[Directory, str]:
        return self._find(os.path.dirname(path)), os.path.basename(path)

    def _find(self, path: str) -> Directory:
        node: Node | None = self._root
        for name in _parts(path):
            node = node.entries.get(name) if isinstance(node, Directory) else None
        if not isinstance(node, Directory):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return node

    def _inode(self, path: str) -> Inode:
        directory, name = self._directory_of(path)
        node = directory.entries.get(name)
        if not isinstance(node, Inode):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return node


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _files(directory: Directory) -> Iterator[Inode]:
    for node in directory.entries.values():
        if isinstance(node, Inode):
            yield node
        else:
            yield from _files(node)


class SimFile:
    """An open file of a SimDisk."""

    def __init__(self, disk: SimDisk, inode: Inode, path: str, *, write: bool) -> None:
        self._disk = disk
        self._inode = inode
        self._path = path
        self._writable = write
        self._open = True
        self._sync_failed = False

    def _check(self, *, write: bool = False) -> None:
        self._disk.uses_after_close += not self._open
        if not self._open or (write and not self._writable):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), self._path)

    def read_at(self, position: int, size: int) -> bytes:
        """See File."""
        with self._disk.lock:
            self._check()
            return bytes(self._inode.content[position : position + size])

    def write_at(self, position: int, data: ReadableBuffer) -> None:
        """See File."""
        with self._disk.lock:
            self._check(write=True)
            fault = self._disk.step("write", self._path)
            todo, code = len(data), 0
            if fault is not None:
                # The kernel copies page by page: a write that is cut short is so between two sectors.
                part = int(todo * fault.share)
                todo = todo if part == todo else max(0, (position + part) // SECTOR * SECTOR - position)
                code = fault.code
            growth = position + todo - len(self._inode.content)
            if growth > 0 and growth > (free := self._disk.free_bytes("/")):
                todo, code = max(0, todo - (growth - free)), errno.ENOSPC
            if todo:
                self._inode.write(position, bytes(data[:todo]))
            if code:
                raise OSError(code, os.strerror(code), self._path)

    def size(self) -> int:
        """See File."""
        with self._disk.lock:
            self._check()
            return len(self._inode.content)

    def forget(self) -> None:
        """See File; this disk keeps nothing in memory that is on the platter."""

    def truncate(self, size: int) -> None:
        """See File."""
        with self._disk.lock:
            self._check(write=True)
            self._disk.step("truncate", self._path)
            if size - len(self._inode.content) > self._disk.free_bytes("/"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
            self._inode.truncate(size)

    def sync(self) -> None:
        """See File."""
        with self._disk.lock:
            self._check()
            self._disk.syncs += 1
            self._disk.failed_descriptors_synced_again += self._sync_failed
            fault = self._disk.step("sync", self._path)
            if fault is not None:
                self._sync_failed = True
                self._inode.fail_sync()
                raise OSError(fault.code, os.strerror(fault.code), self._path)
            self._inode.sync()

    def close(self) -> None:
        """See File."""
        self._check()
        self._open = False
