"""A line of a journal as a row for people: offset, time, kind, and what it says."""

from __future__ import annotations

from typing import Final

from journal.cli.terminal import Colour, cut, harmless, local_time, paint
from journal.inspect.lines import ControlLine, Line, Row, event_text, metric_text
from journal.metric import Nanoseconds

HEAD: Final = f"{'offset':>10}  {'accepted':29}  {'kind':9}  what"

_COLOURS: Final[dict[str, Colour]] = {
    "counter": "green",
    "timer": "cyan",
    "histogram": "cyan",
    "event": "bold",
    "journal-opened": "yellow",
    "journal-closed": "yellow",
    "breaker-moved": "yellow",
    "actor-crashed": "red",
    "actor-restarted": "yellow",
    "supervisor-escalated": "red",
    "message-dead-lettered": "red",
    "metric-dead-lettered": "red",
    "dead-letter-retried": "yellow",
    "dead-letters-expired": "yellow",
    "offsets-lost": "red",
}
"""What is in none of them: gauges plain, the everyday of a journal dim."""


_ROOMY: Final = 110
"""Columns below which year and zone would leave too little to what a line says."""


def is_narrow(room: int | None) -> bool:
    """Whether times should be `brief` in `room` columns."""
    return room is not None and room < _ROOMY


def brief_head(now: Nanoseconds) -> str:
    """The HEAD of rows whose times are brief: it says the zone instead of them."""
    return f"{'offset':>10}  {'accepted ' + local_time(now)[23:]:18}  {'kind':9}  what"


def row(line: Line | Row, room: int | None, *, colours: bool, brief: bool = False) -> str:
    """`line` in at most `room` columns, coloured by its kind with `colours`; `brief` times have neither year
    nor zone."""
    control = isinstance(line, ControlLine)
    at, text = (line.time, event_text(line.event)) if control else (line.accepted_at, metric_text(line))
    when = local_time(at)[5:23] if brief else f"{local_time(at):29}"
    shown = cut(f"{line.offset:>10}  {when}  {line.kind:9}  {harmless(text)}", room)
    colour = _COLOURS.get(line.kind) or ("dim" if control else None)
    return shown if colour is None or not colours else paint(shown, colour)
