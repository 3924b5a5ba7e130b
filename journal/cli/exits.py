"""The exit codes of every command; 130 and 141 as shells have them after Ctrl-C and a broken pipe."""

from __future__ import annotations

from typing import Final

FINE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
CORRUPT: Final = 3
IN_USE: Final = 4
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141


class CommandFailedError(Exception):
    """A command cannot do its work; the message says what, where and what to do, `code` how to leave."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        self.code = code
        super().__init__(message)
