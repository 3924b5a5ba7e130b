"""Colours and tables: plain text, coloured only on a terminal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Literal, TextIO, TypeAlias

Colour: TypeAlias = Literal["bold", "dim", "red", "green", "yellow"]
_CODES: dict[Colour, str] = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def coloured(stream: TextIO) -> bool:
    """Whether colours on `stream` are seen as such (a terminal, and https://no-color.org not asked for)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: Colour, stream: TextIO | None = None) -> str:
    """`text` in `colour` where `stream` (stdout, if None) shows colours."""
    return f"\033[{_CODES[colour]}m{text}\033[0m" if coloured(stream or sys.stdout) else text


def width() -> int | None:
    """Columns of the terminal on stdout; None where stdout is no terminal and nothing need be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def cut(text: str, room: int | None) -> str:
    """`text` in at most `room` columns, with … where something is missing."""
    return text if room is None or len(text) <= room else text[: max(room - 1, 0)] + "…"


def columns(
    rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), room: int | None = None
) -> list[str]:
    """`rows` as aligned lines, two spaces between columns; those of `right` are aligned to the right.

    With `room`, each line is cut to that many columns.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for row in rows:
        cells = [
            cell.rjust(wide) if place in right else cell.ljust(wide)
            for place, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(cut("  ".join(cells).rstrip(), room))
    return lines


def rough_size(value: int) -> str:
    """`value` bytes, rounded: for a look, not for arithmetic."""
    for power, end in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if value >= 1000**power:
            return f"{value / 1000**power:.1f} {end}"
    return f"{value} B"
