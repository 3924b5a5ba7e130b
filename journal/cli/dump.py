"""`forebay journal dump`: metrics and events, one line each; or the records that hold them, byte for byte."""

from __future__ import annotations

import contextlib
import fcntl
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable
from typing import BinaryIO, Final

from journal.cli.arguments import add_directory, add_selection, selection_from
from journal.cli.rows import HEAD, brief_head, is_narrow, row
from journal.cli.shell import code_for
from journal.cli.terminal import coloured, cut, paint, say, width
from journal.inspect import Finding, Selection, dump, dump_json, dump_raw, journal_directory

EPILOG = """\
examples:
  {prog} --limit 20               how it began
  {prog} --from 15m               the last 15 minutes
  {prog} --from 100 --until 200 --json
  {prog} --name 'gpu.*' --source node-7 --json | jq .value
  {prog} --grep 'host=a1|Timeout' whatever says so
  {prog} --kind actor-crashed,actor-restarted
  {prog} --kind offsets-lost      what a damage took
  {prog} --from 100 --until 101 --raw | xxd | less

Times are when a metric was accepted, in this machine's zone; with --json also
its own, both in nanoseconds since the epoch. Metrics leave out what is empty;
of a control event, `event` holds the fields. What cannot be read is told on
stderr and passed over; the exit code is then 3.

--raw writes every record that holds one of the lines asked for, whole and as
it is in the file: for `cmp` with a copy of the journal, for `xxd`, or to show
with a report of a fault exactly what was sent. A record is a header of 48
bytes, a MessagePack payload and padding; journal/framing.py is the format.
"""

PIPE_BYTES: Final = 1024 * 1024
"""A larger pipe is filled and emptied in fewer turns; what an ordinary user may ask for, see pipe(7)."""


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    add_directory(parser)
    add_selection(parser, grep=True)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON object a line")
    form.add_argument("--raw", action="store_true", help="write whole records, as they are in the file")


def run(args: Namespace) -> int:
    """Print the lines as they are read."""
    selection = selection_from(args, time.time_ns())
    directory = journal_directory(args.directory)
    findings: list[Finding] = []

    def found(finding: Finding) -> None:
        findings.append(finding)
        sys.stdout.flush()
        sys.stderr.write(f"{finding}\n")

    if args.raw and sys.stdout.isatty():
        raise ArgumentTypeError("argument --raw: bytes would garble a terminal; add `> FILE` or `| xxd`")
    if args.raw:
        _write(dump_raw(directory, selection, found), sys.stdout.buffer)
    elif args.json:
        _write(dump_json(directory, selection, found), sys.stdout.buffer)
    else:
        _print_table(directory, selection, found)
    return code_for(findings)


def _write(pieces: Iterable[bytes], out: BinaryIO) -> None:
    with contextlib.suppress(OSError):
        # Refused where it is no pipe, or where this user has too many.
        fcntl.fcntl(out.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    for piece in pieces:
        out.write(piece)
    out.flush()


def _print_table(directory: str, selection: Selection, found: Callable[[Finding], None]) -> None:
    room, colours = width(), coloured(sys.stdout)
    brief = is_narrow(room)
    say(paint(cut(brief_head(time.time_ns()) if brief else HEAD, room), "bold"))
    for lines in dump(directory, selection, found):
        sys.stdout.write("".join([row(line, room, colours=colours, brief=brief) + "\n" for line in lines]))
