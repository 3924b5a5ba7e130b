"""`forebay flags`: see feature flags, and change them in a running process."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from importlib import import_module

from actors.cli.client import add_url
from actors.cli.settings_flags import add_settings

_EPILOG = """\
examples:
  forebay flags ls                                      all of them
  forebay flags ls --session 3f9c                       what that browser gets
  forebay flags show dashboard.transport                who was given what
  forebay flags set dashboard.transport dual            for everybody
  forebay flags set dashboard.transport dual --rollout 10
  forebay flags set dashboard.transport dual --session 3f9c
  forebay flags set dashboard.websocket off             browsers do without
  forebay flags reset dashboard.transport               as if never changed

A change reaches every open page at once and survives a restart. Who is in at
10 percent stays in at 20. Where no process runs, ls and show read the journal
as it was left, and change nothing.
"""
_WHERE = {
    "ls": ("flags_look", "ls"),
    "show": ("flags_look", "show"),
    "set": ("flags_change", "give"),
    "reset": ("flags_change", "reset"),
}


def add(parser: ArgumentParser) -> None:
    """The command's own commands, and their flags."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=type(parser))

    def action(name: str, line: str) -> ArgumentParser:
        made = actions.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        made.add_argument("--debug", action="store_true", default=SUPPRESS, help=SUPPRESS)
        return made

    listing = action("ls", "list the flags and what was decided about them")
    showing = action("show", "one flag, and who was given what")
    setting = action("set", "give a value to all sessions, to a share of them, or to one")
    resetting = action("reset", "take back what was decided about a flag, overrides included")
    for each in (showing, setting, resetting):
        each.add_argument("name", type=unicode, metavar="NAME", help="as in the first column of ls")
    setting.add_argument(
        "value", type=unicode, metavar="VALUE", help="true or false, a number, or a string, as the flag is"
    )
    who = setting.add_mutually_exclusive_group()
    who.add_argument("--rollout", type=percent, metavar="PERCENT", help="for so many of 100 sessions (100)")
    for each, line in (
        (listing, "what this session gets"),
        (showing, "what this session gets"),
        (who, "for this session alone, whatever the others get"),
        (resetting, "take back this session's own value alone"),
    ):
        each.add_argument("--session", type=session, metavar="S", help=line)
    for each in (listing, showing, setting, resetting):
        each.add_argument("--json", action="store_true", help="print a JSON object")
        add_url(each)
        add_settings(each, only=("data", "host", "port"))


def run(args: Namespace) -> int:
    """Do what was asked. Raises CommandError where the process or the journal cannot."""
    module, function = _WHERE[args.action]
    return int(getattr(import_module(f"actors.cli.{module}"), function)(args))


def percent(text: str) -> float:
    """A percentage from 0 to 100; its sign may be written. Raises ArgumentTypeError."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise ArgumentTypeError(f"{text!r} must be a percentage from 0 to 100, such as 12.5")
    return value


def session(text: str) -> str:
    """A session. Raises ArgumentTypeError."""
    if not 1 <= len(text) <= 255:
        raise ArgumentTypeError("a session has 1 to 255 characters")
    return unicode(text)


def unicode(text: str) -> str:
    """`text`, which can be sent. Raises ArgumentTypeError for one that was no UTF-8 on the command line."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError(f"{text!a} is not UTF-8") from None
    return text
