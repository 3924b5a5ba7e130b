"""Slow and failing disks: wrappers around any FileSystem."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable

from journal.disk import File, FileSystem, ReadableBuffer


class _Wrapped:
    """A FileSystem that hands everything on, its files through `wrap`."""

    def __init__(self, fs: FileSystem) -> None:
        self._fs = fs

    def wrap(self, file: File, _path: str) -> File:
        return file

    def open(self, path: str, *, create: bool = False, write: bool = True) -> File:
        return self.wrap(self._fs.open(path, create=create, write=write), path)

    def names(self, directory: str) -> list[str]:
        return self._fs.names(directory)

    def make_directory(self, path: str) -> None:
        self._fs.make_directory(path)

    def rename(self, old: str, new: str) -> None:
        self._fs.rename(old, new)

    def remove(self, path: str) -> None:
        self._fs.remove(path)

    def sync_directory(self, path: str) -> None:
        self._fs.sync_directory(path)

    def free_bytes(self, path: str) -> int:
        return self._fs.free_bytes(path)


class _WrappedFile:
    """A File that does `before_write` and `before_sync` first."""

    def __init__(
        self,
        file: File,
        *,
        before_write: Callable[[int, ReadableBuffer], None] | None = None,
        before_sync: Callable[[], None] | None = None,
    ) -> None:
        self._file = file
        self._before_write = before_write
        self._before_sync = before_sync
        self.read_at = file.read_at
        self.size = file.size
        self.truncate = file.truncate
        self.forget = file.forget
        self.close = file.close

    def write_at(self, position: int, data: ReadableBuffer) -> None:
        if self._before_write is not None:
            self._before_write(position, data)
        self._file.write_at(position, data)

    def sync(self) -> None:
        if self._before_sync is not None:
            self._before_sync()
        self._file.sync()


class SlowSync(_Wrapped):
    """Every sync, of a file or of a directory, takes `seconds` longer."""

    def __init__(self, fs: FileSystem, seconds: float) -> None:
        super().__init__(fs)
        self._seconds = seconds

    def wrap(self, file: File, _path: str) -> File:
        return _WrappedFile(file, before_sync=self._wait)

    def sync_directory(self, path: str) -> None:
        self._wait()
        super().sync_directory(path)

    def _wait(self) -> None:
        time.sleep(self._seconds)


class FailingSync(_Wrapped):
    """File syncs fail with EIO while `failing`; `failed` counts them."""

    def __init__(self, fs: FileSystem) -> None:
        super().__init__(fs)
        self.failing = False
        self.failed = 0

    def wrap(self, file: File, path: str) -> File:
        def check() -> None:
            if self.failing:
                self.failed += 1
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)

        return _WrappedFile(file, before_sync=check)


class FullDisk(_Wrapped):
    """Writes that would make a file longer fail with ENOSPC while `full`, as do those of new files."""

    def __init__(self, fs: FileSystem) -> None:
        super().__init__(fs)
        self.full = False

    def wrap(self, file: File, path: str) -> File:
        def check(position: int, data: ReadableBuffer) -> None:
            if self.full and position + len(data) > file.size():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

        return _WrappedFile(file, before_write=check)

    def free_bytes(self, path: str) -> int:
        return 0 if self.full else super().free_bytes(path)
