"""What people see of a replay: a progress line on a terminal, notes on stderr, the account at the end."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from actors.persistence.burial import Blame
from actors.replay.feed import Count
from actors.replay.part import Part
from actors.replay.replay import Outcome, Watcher
from actors.stores.base import Row, StoreError
from journal.cli.terminal import ProgressLine, bar, cut, harmless, local_time, rough_span
from journal.metric import Offset

_BAR: Final = 20
_KEPT: Final = 100
"""Refused metrics that the JSON object names; stderr names all."""


class Screen(Watcher):
    """A Watcher that tells people."""

    def __init__(self) -> None:
        self.refusals: list[dict[str, Any]] = []
        self._line = ProgressLine(shows=sys.stderr.isatty())
        self._part: Part | None = None
        self._begun_at = Offset(0)
        self._began = 0.0
        self._waiting: tuple[type[StoreError], float] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the progress line away."""
        self._line.clear()

    def note(self, line: str) -> None:
        """A line on stderr, above the progress."""
        self.clear()
        sys.stderr.write(f"{' '.join(line.split())}\n")
        sys.stderr.flush()

    def stopping(self) -> None:
        """Somebody wants it to end."""
        if self._line.shows:
            self.note("stopping after the write that is under way; once more stops at once")

    def begun(self, part: Part, begun_at: Offset, sent_before: int) -> None:
        """See Watcher."""
        self._part, self._begun_at, self._began = part, begun_at, time.monotonic()
        if sent_before:
            self.note(f"goes on at offset {begun_at}, where an earlier one had sent {sent_before:,} metrics")

    def at(self, offset: Offset, sent: int) -> None:
        """See Watcher."""
        if self._part is None or not self._line.due():
            return
        width = shutil.get_terminal_size().columns
        line = _progress(self._part, self._begun_at, offset, sent, time.monotonic() - self._began)
        self._line.write(cut(line, width - 1))

    def refused(self, row: Row, blame: Blame) -> None:
        """See Listener."""
        if len(self.refusals) < _KEPT:
            self.refusals.append(
                {
                    "offset": row.offset,
                    "name": row.metric.name,
                    "source": row.metric.source,
                    "cause": blame.cause,
                    "error": blame.error,
                }
            )
        name = harmless(row.metric.name)
        self.note(f"offset {row.offset}, {name!r}: refused: {blame.cause}: {harmless(blame.error)}")

    def waiting(self, error: StoreError, seconds: float) -> None:
        """See Listener."""
        began = self._waiting[1] if self._waiting is not None else time.monotonic()
        if self._waiting is None or self._waiting[0] is not type(error):
            self.note(f"{error}; waits, and tries again (Ctrl-C: leave the rest for later)")
        self._waiting = type(error), began

    def went_on(self) -> None:
        """See Listener."""
        if self._waiting is not None:
            self.note(f"the store takes metrics again, after {time.monotonic() - self._waiting[1]:.0f} s")
        self._waiting = None

    def begins_again(self, why: str) -> None:
        """See Watcher."""
        self.note(f"{why}: everything is sent again")

    def forgetful(self, error: OSError) -> None:
        """See Watcher."""
        self.note(
            f"{error.filename}: {error.strerror}: where it stops is not kept; XDG_STATE_HOME names a place"
        )


def _progress(part: Part, begun_at: Offset, offset: Offset, sent: int, seconds: float) -> str:
    """How far it is, how fast, and for how long it will go on."""
    whole, done = part.end - begun_at, offset - begun_at
    share = done / whole if whole else 1.0
    narrowed = bool(part.selection.names or part.selection.sources)
    of = "" if narrowed else f" of about {whole:,}"
    left = f", {rough_span(round(seconds / share * (1 - share) * 1e9))} left" if share else ""
    return f"{bar(share, _BAR)} {sent:,}{of}, {sent / max(seconds, 0.001):,.0f}/s{left}"


def describe(store: str, outcome: Outcome) -> list[str]:
    """What came of a replay, for people."""
    rate = outcome.sent / max(outcome.seconds, 0.001)
    offsets = f"offsets {outcome.begun_at:,} to {outcome.done - 1:,}"
    if outcome.done <= outcome.begun_at:
        offsets = "nothing in that part" if outcome.complete else "nothing yet"
    took = rough_span(round(outcome.seconds * 1e9))
    lines = [f"{_metrics(outcome.sent)} sent to {store}", f"  in {took}, {rate:,.0f}/s: {offsets}"]
    if outcome.sent_before:
        lines.append(f"  with what was sent before: {_metrics(outcome.sent + outcome.sent_before)}")
    lines += _left(outcome.left_out, outcome.lost, outcome.part)
    if outcome.refused:
        lines.append(f"  {_metrics(outcome.refused)} refused, each told above; they are not in {store}")
    if not outcome.complete:
        lines.append(f"  stopped at offset {outcome.done}; the same command goes on from there")
    elif outcome.moved:
        lines.append(f"  its cursor is at {outcome.done}: `forebay run` goes on from there")
    elif outcome.refused and outcome.cursor is None:
        lines.append("  it keeps no cursor: `forebay run` makes dead letters of what was refused")
    return lines


def would_send(store: str, outcome: Outcome, count: Count, *, as_json: bool) -> list[str]:
    """What a replay would send."""
    part = outcome.part
    if as_json:
        told = {
            "dry_run": True,
            "store": store,
            "directory": part.directory,
            **msgspec.to_builtins(count),
            "segments": part.segments,
            "sent_before": outcome.sent_before,
            "cursor": outcome.cursor,
        }
        return [msgspec.json.encode(told).decode()]
    segments = "1 segment" if part.segments == 1 else f"{part.segments:,} segments"
    lines = [f"{_metrics(count.metrics)} would be sent to {store}, from {segments}; nothing is"]
    if count.first_time is not None and count.last_time is not None:
        lines += [
            f"  offsets {count.first_offset:,} to {count.last_offset:,}",
            f"  accepted {local_time(count.first_time)}",
            f"        to {local_time(count.last_time)}",
        ]
    if outcome.sent_before:
        lines.append(f"  an earlier one has sent {outcome.sent_before:,} and was stopped before these")
    lines += _left(count.left_out, count.lost, part)
    cursor = "keeps no cursor" if outcome.cursor is None else f"keeps its cursor at {outcome.cursor}"
    moved = "; it would be brought up to the end" if outcome.moved else "; it would stay"
    lines.append(f"  {store} {cursor}{moved}")
    return lines


def as_object(store: str, outcome: Outcome, screen: Screen) -> str:
    """What came of a replay, for programs: a JSON object."""
    told = {
        "dry_run": False,
        "store": store,
        "directory": outcome.part.directory,
        "complete": outcome.complete,
        "begun_at": outcome.begun_at,
        "done": outcome.done,
        "end": outcome.part.end,
        "sent": outcome.sent,
        "sent_before": outcome.sent_before,
        "refused": outcome.refused,
        "left_out": outcome.left_out,
        "lost": outcome.lost,
        "seconds": round(outcome.seconds, 3),
        "cursor": outcome.cursor,
        "cursor_moved": outcome.moved,
        "refusals": screen.refusals,
    }
    return msgspec.json.encode(told).decode()


def _left(left_out: int, lost: int, part: Part) -> list[str]:
    lines: list[str] = []
    if left_out:
        lines.append(f"  {_metrics(left_out)} left out: dead letters; `forebay dlq ls` shows those that wait")
    if lost:
        lines.append(f"  {_metrics(lost)} lost with a damage that was repaired: `forebay audit` tells more")
    if part.first_offset and part.begin <= part.first_offset:
        lines.append(f"  what came before offset {part.first_offset:,} is retired and cannot be sent")
    return lines


def _metrics(count: int) -> str:
    return "1 metric" if count == 1 else f"{count:,} metrics"
