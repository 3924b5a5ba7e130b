"""Exit codes, and which error has which.

0 fine · 1 a check found something or work failed · 2 usage or configuration · 3 journal corrupt, needs
repair · 4 data directory in use by another process. Beside these, as shells have it: 130 after Ctrl-C,
141 where nobody reads the output any more.
"""

from __future__ import annotations

import errno
from typing import Final, cast

from actors.config import ConfigurationError
from journal.cli.exits import BROKEN_PIPE, CORRUPT, FAILED, FINE, IN_USE, INTERRUPTED, USAGE
from journal.disk import DirectoryInUseError

__all__ = [
    "BROKEN_PIPE",
    "CORRUPT",
    "FAILED",
    "FINE",
    "INTERRUPTED",
    "IN_USE",
    "USAGE",
    "CommandError",
    "explain",
]

# By name, so that telling an error apart does not import what may be the very thing that is broken.
_FAILED = frozenset(
    {"JournalFullError", "JournalFailedError", "SyncedDataLostError", "NoJournalError", "StoreError"}
)
_USAGE = frozenset({"StoreUrlError", "LaterFormatError"})
_CORRUPT = frozenset(
    {"JournalCorruptError", "JournalCutShortError", "CorruptRecordError", "UnknownEventError"}
)

_ELSE: Final = "look at the disk and the system's log"
_HELP: Final = {
    errno.EACCES: "run as the one who owns it, or name another place",
    errno.EROFS: "name another place",
    errno.EEXIST: "a directory is needed there: name another with --data",
    errno.ENOTDIR: "a directory is needed there: name another with --data",
    errno.ENOSPC: "make room on the disk of the data directory, or where the output goes",
}


class CommandError(Exception):
    """A command cannot do its work; the message says what, where and what to do."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        self.code = code
        super().__init__(message)


def explain(error: BaseException) -> tuple[int, list[str]]:
    """The exit code for `error`, and what to tell: one line for each thing that is wrong."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        told = [explain(inner) for inner in group.exceptions]
        return max(code for code, _ in told), list(dict.fromkeys(line for _, lines in told for line in lines))
    # What failed to start says why by its cause.
    link: BaseException | None = error
    while link is not None:
        if known := _known(link):
            return known
        link = link.__cause__
    said = f": {error}" if str(error) else ""
    return FAILED, [f"internal error: {type(error).__name__}{said}; --debug shows where it came from"]


def _known(error: BaseException) -> tuple[int, list[str]] | None:
    if isinstance(error, ConfigurationError):
        return USAGE, [str(problem) for problem in error.problems]
    if isinstance(error, CommandError):
        return error.code, [str(error)]
    if isinstance(error, DirectoryInUseError):
        return IN_USE, [str(error)]
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, []
    names = {
        cls.__name__ for cls in type(error).__mro__ if cls.__module__.startswith(("journal", "actors", "web"))
    }
    if names & _CORRUPT:
        return CORRUPT, [str(error)]
    if names & _USAGE:
        return USAGE, [str(error)]
    if names & _FAILED:
        return FAILED, [str(error)]
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return FAILED, [f"{where}{error.strerror}; {_HELP.get(error.errno or 0, _ELSE)}"]
    return None
