"""`forebay breaker`: hold a store off by hand, and let it go on."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, Namespace
from urllib.parse import quote

from actors.cli.client import add_url
from actors.cli.exits import FINE
from actors.cli.settings_flags import add_settings, settings_from
from web.machinery import BreakerNow

_EPILOG = """\
examples:
  forebay breaker open sqlite       write nothing to it: a repair, a migration
  forebay breaker close sqlite      try now, and go on if it answers
  forebay breaker close sqlite --json | jq .breaker

Stores are named as in `forebay status`. Metrics are accepted all the while and
wait in the journal; what a person opened stays open over restarts until a
person closes it.
"""


def add(parser: ArgumentParser) -> None:
    """The command's own commands, and their flags."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=type(parser))
    for name, line in (
        ("open", "write nothing to a store until its breaker is closed"),
        ("close", "let a store be tried at once, and go on by itself"),
    ):
        action = actions.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        action.add_argument("store", metavar="STORE", help="as `forebay status` names it")
        action.add_argument("--json", action="store_true", help="print a JSON object")
        action.add_argument("--debug", action="store_true", default=SUPPRESS, help=SUPPRESS)
        add_url(action)
        add_settings(action, only=("host", "port"))


def run(args: Namespace) -> int:
    """Move the breaker. Raises CommandError where nobody answers, or where there is none to move."""
    settings = settings_from(args).settings
    import msgspec

    from actors.cli.remote import Remote

    with Remote(settings, args.url) as remote:
        path = f"/api/stores/{quote(args.store, safe='')}/breaker"
        now = remote.post(path, BreakerNow, {"position": "open" if args.action == "open" else "closed"})
    print(msgspec.json.encode(now).decode() if args.json else _said(now))
    return FINE


def _said(now: BreakerNow) -> str:
    if not now.noted:
        return f"{now.store}: done, but the journal cannot be written: the next start will not know of it"
    if now.by == "hand":
        return f"{now.store} is written to no more: `forebay breaker close {now.store}` lets it go on"
    if now.breaker == "closed":
        return f"the breaker of {now.store} is closed already"
    return f"{now.store} is tried now: `forebay status` says whether it answers"
