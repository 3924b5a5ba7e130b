"""`forebay dlq`: look at dead letters, redrive them, discard them, export them."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, Namespace
from importlib import import_module

from actors.cli.arguments import letter_id, moment, of_kind, positive
from actors.cli.client import add_url
from actors.cli.settings_flags import add_settings
from actors.config.kinds import number

_EPILOG = """\
examples:
  forebay dlq ls                                what waits, the oldest first
  forebay dlq ls --cause nul-byte --after 2h    for that cause, of the last 2 h
  forebay dlq show 4711                         one of them, with its metric
  forebay dlq redrive 4711                      send it to its store again
  forebay dlq redrive --cause check --dry-run   how many would go?
  forebay dlq redrive --all --rate 100          all, a hundred a second
  forebay dlq discard --before 30d --yes        give them up, for good
  forebay dlq export > letters.ndjson           keep a copy

Times are when a metric was accepted: 2026-11-23T13:05 (local unless it says its
zone) or an age.
Where no process runs, ls, show and export read DATA/dead-letters, and change
nothing.
"""
_CHOOSING = """\
examples:
  forebay dlq {name} 4711 4712
  forebay dlq {name} --cause check --source web-1 --dry-run
  forebay dlq {name} --all
"""


def add(parser: ArgumentParser) -> None:
    """The command's own commands, and their flags."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=type(parser))

    def action(name: str, line: str) -> ArgumentParser:
        made = actions.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        made.add_argument("--debug", action="store_true", default=SUPPRESS, help=SUPPRESS)
        return made

    listing = action("ls", "list what waits, the oldest first")
    _add_filters(listing)
    listing.add_argument("--limit", type=positive, default=100, metavar="N", help="no more than N (100)")
    listing.add_argument("--json", action="store_true", help="print a JSON object")

    showing = action("show", "one dead letter, with its metric")
    showing.add_argument("id", type=letter_id, metavar="ID", help="as in the first column of ls")
    showing.add_argument("--json", action="store_true", help="print a JSON object")

    redriving = action("redrive", "send dead letters to their stores again")
    _add_choice(redriving)
    redriving.add_argument("--rate", type=of_kind(number(0.001, 1e9)), metavar="N", help="N metrics a second")
    redriving.add_argument("--no-wait", action="store_true", help="leave once they are queued")

    discarding = action("discard", "give dead letters up, for good")
    _add_choice(discarding)
    discarding.add_argument("--yes", action="store_true", help="do not ask (needed where nobody can answer)")

    exporting = action("export", "whole letters, a JSON object a line")
    _add_filters(exporting)
    exporting.add_argument("--limit", type=positive, metavar="N", help="no more than N")
    exporting.add_argument("--output", metavar="FILE", help="write there, complete or not at all")
    exporting.add_argument("--json", action="store_true", help="as it does anyway")

    for each in (listing, showing, redriving, discarding, exporting):
        add_url(each)
        add_settings(each, only=("data", "host", "port"))


def run(args: Namespace) -> int:
    """Do what was asked. Raises CommandError where the queue or the process cannot."""
    looks = args.action in ("ls", "show", "export")
    module = import_module("actors.cli.dlq_look" if looks else "actors.cli.dlq_change")
    return int(getattr(module, args.action)(args))


def _add_filters(action: ArgumentParser) -> None:
    which = action.add_argument_group("which", "Those that match everything that is given.")
    which.add_argument("--cause", help="why: check, bad-type, nul-byte …")
    which.add_argument("--name", help="of metrics of this name")
    which.add_argument("--source", help="of this source")
    which.add_argument("--store", help="refused by this store")
    which.add_argument("--after", type=moment, metavar="TIME", help="accepted then or later")
    which.add_argument("--before", type=moment, metavar="TIME", help="accepted before")


def _add_choice(action: ArgumentParser) -> None:
    action.epilog = _CHOOSING.format(name=action.prog.rpartition(" ")[2])
    action.add_argument("ids", type=letter_id, nargs="*", metavar="ID", help="as in the first column of ls")
    _add_filters(action)
    action.add_argument("--all", action="store_true", help="every one that waits")
    action.add_argument("--dry-run", action="store_true", help="say how many, and do nothing")
    action.add_argument("--json", action="store_true", help="print a JSON object")
