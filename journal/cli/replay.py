"""`forebay journal replay`: send metrics to a store again, or print the state as of a point."""

from __future__ import annotations

import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Final

from journal.cli.arguments import add_directory, bound
from journal.cli.exits import FAILED, CommandFailedError
from journal.cli.state import add_print_state, print_state
from journal.inspect import Selection, journal_directory

EPILOG = """\
examples:
  {prog} --to sqlite: --dry-run      how many would go?
  {prog} --to sqlite:                fill data/forebay.db again
  {prog} --to postgresql://me@db/metrics --from 2h
  {prog} --to sqlite: --name 'gpu.*' --source node-7
  {prog} --to supabase: --rate 5000  gently; Ctrl-C may end it
  {prog} --print-state --until 1h    cursors … an hour ago

Nothing comes twice: a metric that the store has is kept as it is. So it may run
beside `forebay run`, whose cursor it leaves alone; a store that keeps no cursor
gets one when all of the journal is sent to it. Dead letters are left out:
`forebay dlq redrive` sends those. PostgreSQL's tables must be there: `forebay
db migrate` makes them. --to takes a store as `forebay run --store` does, or the
name of a configured one, as `forebay status` shows it.

Where it was stopped is kept in $XDG_STATE_HOME/forebay, or else in
~/.local/state/forebay. Exit code 0 when all is sent, 1 when the store refused
some, each told on stderr, or the work failed, 3 when the journal is damaged:
`repair` it first.
"""

GROUP: Final = "forebay.journal"
"""Entry points of what the journal tool needs from above it."""


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    add_directory(parser)
    parser.add_argument("--to", metavar="STORE", help="the store: sqlite:, sqlite:///PATH, postgresql://…, …")
    add_print_state(parser)
    chosen = parser.add_argument_group("which part")
    chosen.add_argument(
        "--from",
        dest="since",
        metavar="WHEN",
        help="an offset, a time (2026-11-23T13:05, local unless it says its zone) or an age (15m, 2h, 1d)",
    )
    chosen.add_argument("--until", metavar="WHEN", help="up to there, itself not included (default: now)")
    chosen.add_argument("--name", action="append", default=[], help="metrics of this name; * and ? are wild")
    chosen.add_argument("--source", action="append", default=[], help="metrics of this source; likewise")
    chosen.add_argument(
        "--with-dead-letters", action="store_true", help="those too that the store has refused before"
    )
    how = parser.add_argument_group("how")
    how.add_argument("--dry-run", action="store_true", help="count what would be sent, and send nothing")
    how.add_argument("--rate", type=_rate, metavar="N", help="at most so many metrics a second")
    how.add_argument(
        "--restart", action="store_true", help="from the beginning, wherever an earlier one was stopped"
    )
    how.add_argument("--config", metavar="PATH", help="read this file in place of forebay.toml")
    parser.add_argument("--json", action="store_true", help="print a JSON object at the end")


def run(args: Namespace) -> int:
    """Print the state, or send what was asked for."""
    if args.print_state:
        if args.to is not None:
            raise ArgumentTypeError("--print-state sends nothing: leave out --to, or give two commands")
        return print_state(args)
    send = _sender()
    now = time.time_ns()
    args.selection = Selection(
        bound("--from", args.since, now),
        bound("--until", args.until, now),
        names=tuple(args.name),
        sources=tuple(args.source),
    )
    args.journal = journal_directory(args.directory)
    return send(args)


def _sender() -> Callable[[Namespace], int]:
    for point in entry_points(group=GROUP, name="replay"):
        return point.load()
    raise CommandFailedError(
        "replay needs all of Forebay, and only the journal tool is installed: `pip install forebay`, or "
        "`just setup` in a checkout",
        FAILED,
    )


def _rate(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} must be a whole number of metrics a second, 1 or more")
    return int(text)
