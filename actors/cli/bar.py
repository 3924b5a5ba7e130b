"""A progress bar on a terminal, and nothing in a pipe."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from journal.cli.terminal import ProgressLine, bar


class Bar:
    """Shows on stderr how many of `total` are `done`, while it is a terminal; cleared when the block ends.

    `quiet` where stdout gets the work itself: it does not show if that is a terminal too.
    """

    def __init__(self, total: int, done: str, *, quiet: bool = False) -> None:
        self._total = total
        self._done = done
        self._line = ProgressLine(shows=sys.stderr.isatty() and not (quiet and sys.stdout.isatty()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.clear()

    def show(self, count: int) -> None:
        """Say that `count` are done, at most ten times a second."""
        if self._line.due():
            share = min(count / self._total, 1.0) if self._total else 1.0
            self._line.write(f"{bar(share)} {count:,} of {self._total:,} {self._done}")
