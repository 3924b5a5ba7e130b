"""A progress bar on a terminal, and nothing in a pipe."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final, Self

_BAR: Final = 30
_SHOWN_EVERY: Final = 0.1


class Bar:
    """Shows on stderr how many of `total` are `done`, while it is a terminal; cleared when the block ends.

    `quiet` where stdout gets the work itself: it does not show if that is a terminal too.
    """

    def __init__(self, total: int, done: str, *, quiet: bool = False) -> None:
        self._total = total
        self._done = done
        self._shows = sys.stderr.isatty() and not (quiet and sys.stdout.isatty())
        self._shown = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shows and self._shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()

    def show(self, count: int) -> None:
        """Say that `count` are done, at most ten times a second."""
        now = time.monotonic()
        if not self._shows or now - self._shown < _SHOWN_EVERY:
            return
        self._shown = now
        share = min(count / self._total, 1.0) if self._total else 1.0
        bar = ("#" * round(share * _BAR)).ljust(_BAR, ".")
        sys.stderr.write(f"\r\033[K{share:4.0%} {bar} {count:,} of {self._total:,} {self._done}")
        sys.stderr.flush()
