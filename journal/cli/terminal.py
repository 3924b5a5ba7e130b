"""Colours, tables, times and the progress bar: plain text in a pipe, more of it on a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal, TextIO, TypeAlias

from journal.inspect import Gravity
from journal.metric import Nanoseconds

Colour: TypeAlias = Literal["bold", "dim", "red", "green", "yellow", "cyan"]
_CODES: dict[Colour, str] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
}
GRAVITY_COLOURS: dict[Gravity, Colour] = {"note": "dim", "warning": "yellow", "corrupt": "red"}

_SHOWN_EVERY: Final = 0.1
"""Seconds between two progress lines."""
_BAR: Final = 30


def coloured(stream: TextIO) -> bool:
    """Whether colours on `stream` are seen as such (a terminal, and https://no-color.org not asked for)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: Colour) -> str:
    """`text` in `colour` where stdout shows colours."""
    return f"\033[{_CODES[colour]}m{text}\033[0m" if coloured(sys.stdout) else text


def say(line: str) -> None:
    """Put a line on stdout. Raises BrokenPipeError where nobody reads."""
    sys.stdout.write(line + "\n")


def width() -> int | None:
    """Columns of the terminal on stdout; None where stdout is no terminal and nothing need be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def cut(text: str, room: int | None) -> str:
    """`text` in at most `room` columns, with … where something is missing."""
    return text if room is None or len(text) <= room else text[: max(room - 1, 0)] + "…"


def harmless(text: str) -> str:
    """`text` that a client sent, with what would move a terminal's cursor escaped."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def columns(rows: Sequence[Sequence[str]], *, right: Sequence[int], room: int) -> list[str]:
    """`rows` as aligned lines, those of `right` to the right; two spaces apart, or one to fit into `room`."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= room else " "
    return [
        gap.join(
            cell.rjust(wide) if place in right else cell.ljust(wide)
            for place, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def rough_size(value: int) -> str:
    """`value` bytes, rounded."""
    for power, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if value >= 1000**power:
            return f"{value / 1000**power:.1f} {unit}"
    return f"{value} B"


def rough_span(nanoseconds: Nanoseconds) -> str:
    """A length of time, rounded, in its largest unit; a clock that was set back makes it 0."""
    seconds = max(nanoseconds, 0) / 1e9
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} s"


@lru_cache(maxsize=16)
def local_time(at: Nanoseconds) -> str:
    """`at` in this machine's zone, to the millisecond, with the zone's distance from UTC.

    A time that no calendar holds is shown as its nanoseconds.
    """
    try:
        moment = datetime.fromtimestamp(at // 1_000_000_000, UTC).astimezone()
    except (OverflowError, ValueError, OSError):
        return f"{at} ns"
    moment = moment.replace(microsecond=at % 1_000_000_000 // 1000)
    return moment.isoformat(" ", "milliseconds")


def bar(share: float, length: int = _BAR) -> str:
    """How far it is, `share` of 1, in percent and as a bar."""
    return f"{share:4.0%} {('#' * round(share * length)).ljust(length, '.')}"


class ProgressLine:
    """A line on stderr, if it `shows`, that is written over again and again, at most ten times a second; the
    first is due at once, or, `patient`, where the work takes longer than that."""

    def __init__(self, *, shows: bool, patient: bool = False) -> None:
        self.shows = shows
        self._due = time.monotonic() + (_SHOWN_EVERY if patient else 0.0)
        self._written = False

    def due(self) -> bool:
        """Whether it is time for another one: whoever asks writes it."""
        now = time.monotonic()
        if not self.shows or now < self._due:
            return False
        self._due = now + _SHOWN_EVERY
        return True

    def write(self, line: str) -> None:
        """Have it say `line`."""
        sys.stderr.write(f"\r\033[K{line}")
        sys.stderr.flush()
        self._written = True

    def clear(self) -> None:
        """Take it away, before another line or at the end."""
        if self._written:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self._written = False


class Progress:
    """A bar on stderr while stdout and stderr are a terminal, and nothing otherwise."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self._before: dict[str, int] = {}
        self._total = 0
        for name, size in sizes.items():
            self._before[name] = self._total
            self._total += size
        self.shows = sys.stdout.isatty() and sys.stderr.isatty()
        self._line = ProgressLine(shows=self.shows, patient=True)
        self._began = time.monotonic()

    def reading(self, name: str, byte: int) -> None:
        """Show that `byte` of the segment `name` is being read, at most ten times a second."""
        if not self._line.due():
            return
        done = min(self._before.get(name, 0) + byte, self._total)
        share = done / self._total if self._total else 1.0
        rate = rough_size(round(done / max(time.monotonic() - self._began, 0.001)))
        self._line.write(f"{bar(share)} {rough_size(done)}, {rate}/s")

    def clear(self) -> None:
        """Take the bar away, before a line or at the end."""
        self._line.clear()
