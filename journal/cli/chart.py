"""A chart of how much came when, in characters. Pure but for the machine's zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from journal.cli.terminal import local_time, rough_span
from journal.inspect.timeline import SECOND, Steps
from journal.metric import Nanoseconds

COLUMNS: Final = 66
"""Steps that fit beside the axis into 80 columns."""

_HEIGHT: Final = 6
_LABEL: Final = 9
_WIDEST: Final = 3
"""Columns that a single step may take."""

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_ASCII: Final = "  ..::::#"


def zone_of(at: Nanoseconds) -> Nanoseconds:
    """How far this machine's zone is ahead of UTC at `at`."""
    try:
        ahead = datetime.fromtimestamp(at // SECOND, UTC).astimezone().utcoffset()
    except (OverflowError, ValueError, OSError):
        ahead = None
    return 0 if ahead is None else round(ahead.total_seconds()) * SECOND


def chart(steps: Steps, encoding: str) -> list[str]:
    """Bars of metrics a second with both axes, in 80 columns at most; ASCII where `encoding` is narrow."""
    blocks = _fits(_BLOCKS + "┤│└─", encoding)
    levels = _BLOCKS if blocks else _ASCII
    upright, tick, corner, along = "│┤└─" if blocks else "||+-"
    rates = [count * SECOND / steps.width for count in steps.counts]
    top = max(rates)
    wide = min(_WIDEST, max(1, COLUMNS // len(rates)))
    heights = [_eighths(rate, top) for rate in rates]
    lines = [f"metrics/s, a column is {_step(steps.width)}"]
    for level in range(_HEIGHT - 1, -1, -1):
        label = short(top) if level == _HEIGHT - 1 else short(top / 2) if level == _HEIGHT // 2 - 1 else ""
        bars = "".join(levels[min(max(height - 8 * level, 0), 8)] * wide for height in heights)
        lines.append(f"{label:>{_LABEL}} {tick if label else upright}{bars}".rstrip())
    lines.append(f"{0:>{_LABEL}} {corner}{along * (wide * len(rates))}")
    begin, end = steps.begin, steps.begin + steps.width * len(rates)
    since, until = local_time(begin)[:19], local_time(end)[:19]
    room = max(wide * len(rates), len(since) + len(until) + 4)
    lines.append(f"{'':{_LABEL + 2}}{since}{until:>{room - len(since)}}")
    return lines


def _eighths(rate: float, top: float) -> int:
    """The height of a bar; what is not nothing shows."""
    return max(round(rate / top * _HEIGHT * 8), 1) if rate > 0 else 0


def _step(width: Nanoseconds) -> str:
    return rough_span(width).replace(".0 ", " ")


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def short(number: float) -> str:
    """`number` with two or three digits that count, and k, M or G."""
    for power, unit in ((3, "G"), (2, "M"), (1, "k")):
        if number >= 0.9995 * 1000**power:
            return f"{number / 1000**power:.3g}{unit}"
    return f"{number:.3g}"
