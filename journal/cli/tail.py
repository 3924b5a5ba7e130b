"""`forebay journal tail`: the last lines, and what comes behind them."""

from __future__ import annotations

import select
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from journal.cli.arguments import add_directory, add_selection, count, selection_from
from journal.cli.exits import FINE
from journal.cli.rows import HEAD, brief_head, is_narrow, row
from journal.cli.shell import code_for
from journal.cli.terminal import coloured, paint, say, width
from journal.inspect import Bound, Finding, Selection, dump, journal_directory, writer_of
from journal.inspect.tail import Following, Lines, last_lines
from journal.metric import MAX_INT64

EPILOG = """\
examples:
  {prog}                           the last ten lines of ./data
  {prog} -f                        ... and what comes
  {prog} -f /srv/forebay --name 'gpu.*' --source node-7
  {prog} -f -n 0 --json | jq -r '[.name, .value] | @tsv'
  {prog} -f --kind actor-crashed,breaker-moved
  {prog} -f --from 15m             the last 15 minutes, and on

-f goes on when the process rolls, retires segments, is killed or started again.
A line shows as soon as its record is whole in the file, at most 0.1 s later,
and its client is told yes when it is synced as well: what the disk then
refuses, or a power cut takes, has been shown and does not count. It is told on
stderr when the journal goes back like this; the same offsets come again.
"""

_LINES: Final = 10
_EVERY: Final = 0.05
"""Seconds between two looks at a journal to which nothing came."""

_LOOK_FOR_WRITER: Final = 1.0


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    add_directory(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until Ctrl-C")
    parser.add_argument(
        "-n",
        "--lines",
        type=count,
        metavar="N",
        help=f"the last N lines (default: {_LINES}, or all that --from asks for)",
    )
    add_selection(parser, limit=False)
    parser.add_argument("--json", action="store_true", help="print a JSON object a line")


def run(args: Namespace) -> int:
    """Print the last lines, and with --follow those that come."""
    selection = selection_from(args, time.time_ns())
    directory = journal_directory(args.directory)
    shown = _Output(json=args.json)
    if not args.follow:
        for lines in _begun(directory, selection, args, shown):
            shown.lines(lines)
        return code_for(shown.findings)
    following = Following(directory, selection)
    try:
        end = following.next_offset
        for lines in _begun(directory, _before(selection, end), args, shown):
            shown.lines([line for line in lines if line.offset < end])
        shown.flush()
        _follow(following, shown, _Writer(directory))
    finally:
        following.close()
    return FINE


def _before(selection: Selection, end: int) -> Selection:
    """`selection` up to the offset `end`, as far as it can say both that and a time."""
    if selection.until.time is not None:
        return selection
    return replace(selection, until=Bound(offset=min(selection.until.offset or MAX_INT64, end)))


def _begun(directory: str, selection: Selection, args: Namespace, shown: _Output) -> Iterable[Lines]:
    """The lines that are there already."""
    if args.lines is None and args.since is not None:
        return dump(directory, selection, shown.found)
    many = _LINES if args.lines is None else args.lines
    return [last_lines(directory, selection, many, shown.found)]


def _follow(following: Following, shown: _Output, writer: _Writer) -> None:
    while not following.ended:
        lines, notices, more = following.poll(time.monotonic())
        for notice in notices:
            shown.tell(str(notice))
        for some in lines:
            shown.lines(some)
        if lines:
            shown.flush()
        if not more:
            shown.check_reader()
            writer.look(shown)
            time.sleep(_EVERY)


class _Output:
    """Lines to stdout; all else to stderr."""

    def __init__(self, *, json: bool) -> None:
        self.findings: list[Finding] = []
        self._json = json
        self._encode_lines = msgspec.json.Encoder().encode_lines
        self._colours = coloured(sys.stdout)
        self._brief = is_narrow(width())
        self._reader = select.poll()
        self._reader.register(sys.stdout.fileno(), 0)
        if not json:
            say(paint(brief_head(time.time_ns()) if self._brief else HEAD, "bold"))

    def lines(self, lines: Lines) -> None:
        if self._json:
            sys.stdout.buffer.write(self._encode_lines(lines))
            return
        room = width()
        rows = [row(line, room, colours=self._colours, brief=self._brief) for line in lines]
        sys.stdout.write("".join([each + "\n" for each in rows]))

    def flush(self) -> None:
        sys.stdout.flush()

    def found(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.tell(str(finding))

    def tell(self, text: str) -> None:
        sys.stdout.flush()
        sys.stderr.write(paint(text, "yellow") + "\n" if sys.stderr.isatty() else text + "\n")

    def check_reader(self) -> None:
        """Raise BrokenPipeError where nobody reads any more: `tail -f | head` would never end otherwise."""
        if any(state & (select.POLLERR | select.POLLNVAL) for _, state in self._reader.poll(0)):
            raise BrokenPipeError


class _Writer:
    """Says on a terminal when nobody writes to the journal, and when somebody does again."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._shows = sys.stderr.isatty()
        self._looked_at = 0.0
        self._pid: int | None = -1

    def look(self, shown: _Output) -> None:
        now = time.monotonic()
        if not self._shows or now - self._looked_at < _LOOK_FOR_WRITER:
            return
        self._looked_at = now
        pid = writer_of(self._directory)
        if pid == self._pid:
            return
        if pid is None:
            shown.tell("nobody writes to this journal now; waiting for a process to start (Ctrl-C ends)")
        elif self._pid is None:
            shown.tell(f"process {pid} writes to it now")
        self._pid = pid
