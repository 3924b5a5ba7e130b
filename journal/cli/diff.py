"""`forebay journal diff`: what changed between two points, and which events did it."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from journal.cli.arguments import add_directory, bound
from journal.cli.change_words import change_words
from journal.cli.shell import code_for
from journal.cli.state import fitted, labelled
from journal.cli.terminal import Colour, Progress, coloured, cut, harmless, local_time, paint, say, width
from journal.inspect import ControlLine, Finding, Past, in_full, journal_directory, segment_sizes, state_at
from journal.inspect.changes import control_lines, differences
from journal.inspect.lines import event_text
from journal.inspect.selection import Bound
from journal.metric import Nanoseconds

EPILOG = """\
examples:
  {prog} 1h end                      the last hour
  {prog} 1000 52000                  between two offsets
  {prog} 2026-11-23T13:05 2026-11-23T13:20 /srv/forebay
  {prog} 1h end data/dead-letters    what became of dead letters
  {prog} 1h end --json | jq -c '.changes[]'

The state as of an offset is that after every event before it, itself not
included; as of a time, that before the first record written then or later.
Cursors move about once a second: without --all they are counted, and no more
than 20 other events are shown. --json prints one object: both points, `changes`
(path, before, after), `events`, and how many were left out.

Exit code 0, 2 for a point before what is kept, 3 where a damage hides the
state at a point, or events in between.
"""
SHOWN: Final = 20
"""Events that are shown without --all."""

_FREQUENT: Final = frozenset({"cursor-advanced", "dead-letters-mirrored"})
_COLOURS: Final[dict[str, Colour]] = {
    "actor-crashed": "red",
    "supervisor-escalated": "red",
    "offsets-lost": "red",
    "metric-dead-lettered": "yellow",
    "breaker-moved": "yellow",
}
_LONGEST: Final = 200
"""Characters of an event that are shown in a pipe, where no terminal's edge cuts it."""


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    what = "an offset, a time (2026-11-23T13:05), an age (15m, 2h, 1d) or `end`"
    parser.add_argument("before", metavar="A", help=what)
    parser.add_argument("after", metavar="B", help="the same; the earlier of the two comes first")
    add_directory(parser)
    parser.add_argument("--all", action="store_true", help="show every event, cursors too")
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(args: Namespace) -> int:
    """Print what differs, then the events; a damage among them is told on stderr, and the exit code is 3."""
    now = time.time_ns()
    directory = journal_directory(args.directory)
    pasts = (state_at(directory, _point(name, getattr(args, name), now)) for name in ("before", "after"))
    before, after = sorted(pasts, key=lambda past: past.offset)
    findings: list[Finding] = []
    progress = Progress(segment_sizes(directory))

    def found(finding: Finding) -> None:
        findings.append(finding)
        progress.clear()
        sys.stdout.flush()
        sys.stderr.write(f"{finding}\n")

    reading = progress.reading if progress.shows else None
    lines = control_lines(directory, before.offset, after.offset, found, reading)
    events = _Events(lines, progress, all_=args.all)
    if args.json:
        _print_json(before, after, events)
    else:
        _print_words(before, after, events)
    return code_for(findings)


def _point(name: str, text: str, now: Nanoseconds) -> Bound:
    return Bound() if text == "end" else bound("A" if name == "before" else "B", text, now)


class _Events:
    """Passes on the events to show, and counts those that it leaves out."""

    def __init__(self, lines: Iterator[ControlLine], progress: Progress, *, all_: bool) -> None:
        self.counted: Counter[tuple[str, str]] = Counter()
        """By kind and store, those that come by the thousand."""
        self.more = 0
        """Others that are too many to be shown."""
        self._lines = lines
        self._progress = progress
        self._all = all_

    def __iter__(self) -> Iterator[ControlLine]:
        shown = 0
        for line in self._lines:
            if line.kind in _FREQUENT and not self._all:
                self.counted[line.kind, str(line.event.get("store"))] += 1
            elif shown < SHOWN or self._all:
                shown += 1
                self._progress.clear()
                yield line
            else:
                self.more += 1
        self._progress.clear()


def _print_json(before: Past, after: Past, events: _Events) -> None:
    """One object, in pieces: the events may be many."""
    out, encode = sys.stdout.buffer, msgspec.json.encode
    ends = {"journal_id": after.journal_id, "from": _end(before), "to": _end(after)}
    changes = in_full(differences(before.state, after.state))
    out.write(encode({**ends, "changes": changes})[:-1] + b',"events":[')
    comma = b""
    for line in events:
        out.write(comma + encode(line))
        comma = b","
    counted = [{"kind": kind, "store": store, "count": n} for (kind, store), n in events.counted.items()]
    out.write(b"]," + encode({"counted": counted, "more": events.more})[1:] + b"\n")
    out.flush()


def _end(past: Past) -> dict[str, object]:
    return {"offset": past.offset, "time": past.time, "ended": past.ended}


def _print_words(before: Past, after: Past, events: _Events) -> None:
    room, colours = width(), coloured(sys.stdout)
    for label, past in (("from", before), ("to", after)):
        beyond = ": the journal ends here" if past.ended else ""
        say(labelled(label, f"offset {past.offset:,}, last written {local_time(past.time)}{beyond}"))
    some = False
    for words in change_words(before.state, after.state):
        some = True
        say(fitted(words, room))
    if not some:
        say("nothing changed")
    head = paint(f"{'offset':>10}  {'written':29}  {'kind':20}  what", "bold")
    for line in events:
        if head:
            say("")
            say(head)
            head = ""
        row = cut(_row(line), room)
        say(paint(row, _COLOURS.get(line.kind, "cyan")) if colours else row)
    for (kind, store), number in events.counted.items():
        say(f"{number:>10,}  {kind} of {harmless(store)}")
    if events.more:
        say(f"… and {events.more:,} more: --all shows them")


def _row(line: ControlLine) -> str:
    fields = {name: value for name, value in line.event.items() if name != "traceback"}
    text = cut(harmless(event_text(fields)), _LONGEST)
    return f"{line.offset:>10}  {local_time(line.time):29}  {line.kind:20}  {text}"
