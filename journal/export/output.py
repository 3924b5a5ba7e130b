"""A file that stands under its name when it is whole, and not before."""

from __future__ import annotations

import io
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from errno import EISDIR
from typing import Any, BinaryIO, Final

_BUFFER: Final = 256 * 1024


class FileInTheWayError(Exception):
    """The file to be written is there already."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: is there already; name another file, or --force to replace it")


class CannotWriteError(Exception):
    """The file cannot be written; nothing stands under its name that did not before."""

    def __init__(self, path: str, error: OSError) -> None:
        why = error.strerror or str(error)
        super().__init__(f"{path}: cannot be written ({why}); nothing of it was kept: name another place")


class _Output(io.FileIO):
    """Tells an error of writing it from one of reading a journal."""

    def __init__(self, written_as: str, path: str) -> None:
        super().__init__(written_as, "x")
        self._path = path

    def write(self, data: Any, /) -> int | None:
        try:
            return super().write(data)
        except OSError as error:
            raise CannotWriteError(self._path, error) from error


@contextmanager
def whole_file(path: str, *, force: bool) -> Generator[BinaryIO]:
    """A file that is `path` once the block has ended without an error, and is gone if it has not.

    It is written beside, as PATH.part-PID, which is all that a killed process leaves. Raises
    FileInTheWayError where `path` is there and not to be replaced, CannotWriteError.
    """
    _keep_clear(path, force=force)
    written_as = f"{path}.part-{os.getpid()}"
    try:
        raw = _Output(written_as, path)
    except OSError as error:
        raise CannotWriteError(path, error) from error
    try:
        with io.BufferedWriter(raw, _BUFFER) as out:
            yield out
            out.flush()
            _synced(raw.fileno(), path)
        _keep_clear(path, force=force)
        os.replace(written_as, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(written_as)
        raise


def _keep_clear(path: str, *, force: bool) -> None:
    if os.path.isdir(path):
        raise CannotWriteError(path, IsADirectoryError(EISDIR, os.strerror(EISDIR)))
    if os.path.lexists(path) and not force:
        raise FileInTheWayError(path)


def _synced(descriptor: int, path: str) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise CannotWriteError(path, error) from error
