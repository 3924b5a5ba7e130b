"""`forebay journal dump`: metrics and events, one line each."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from typing import Any

import msgspec

from journal.cli.arguments import add_directory, add_selection, selection_from
from journal.cli.shell import code_for
from journal.cli.terminal import coloured, cut, harmless, local_time, paint, say, width
from journal.inspect import ControlLine, Finding, Line, MetricLine, dump, dump_json, journal_directory

EPILOG = """\
examples:
  {prog} --limit 20                          how it began
  {prog} --from 15m                          the last quarter of an hour
  {prog} --from 1000 --until 2000 --json     offsets 1000 to 1999
  {prog} --name 'gpu.*' --source node-7 --json | jq .value
  {prog} --kind actor-crashed,actor-restarted

Times are when a metric was accepted, in this machine's zone; with --json also its own, both in
nanoseconds since the epoch. Metrics leave out what is empty; of a control event, `event` holds the
fields. What cannot be read is told on stderr and passed over; the exit code is then 3.
"""


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    add_directory(parser)
    add_selection(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object a line")


def run(args: Namespace) -> int:
    """Print the lines as they are read."""
    selection = selection_from(args, time.time_ns())
    directory = journal_directory(args.directory)
    findings: list[Finding] = []

    def found(finding: Finding) -> None:
        findings.append(finding)
        sys.stdout.flush()
        sys.stderr.write(f"{finding}\n")

    lines = dump(directory, selection, found)
    if args.json:
        out = sys.stdout.buffer
        for some in dump_json(directory, selection, found):
            out.write(some)
        out.flush()
    else:
        room = width()
        say(paint(f"{'offset':>10}  {'accepted':29}  {'kind':9}  what", "bold"))
        colours = coloured(sys.stdout)
        for some in lines:
            sys.stdout.write("".join([_row(line, room, colours=colours) + "\n" for line in some]))
    return code_for(findings)


def _row(line: Line, room: int | None, *, colours: bool) -> str:
    match line:
        case MetricLine():
            text = _metric(line)
            at = line.accepted_at
        case ControlLine():
            text = " ".join(f"{name}={_shown(value)}" for name, value in line.event.items())
            at = line.time
    row = cut(f"{line.offset:>10}  {local_time(at):29}  {line.kind:9}  {text}", room)
    return paint(row, "cyan") if colours and isinstance(line, ControlLine) else row


def _metric(line: MetricLine) -> str:
    attributes = [f"{name}={_shown(value)}" for name, value in line.attributes.items()]
    words = [
        line.name,
        f"{line.value!r}".removesuffix(".0"),
        line.unit,
        line.source,
        line.session,
        *attributes,
    ]
    return harmless(" ".join(filter(None, words)))


def _shown(value: Any) -> str:
    return harmless(value if isinstance(value, str) else msgspec.json.encode(value).decode())
