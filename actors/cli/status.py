"""`forebay status`: one look at a running process."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace

from actors.cli.client import add_url
from actors.cli.exits import FINE
from actors.cli.settings_flags import add_settings, settings_from
from actors.cli.terminal import width

_EPILOG = """\
examples:
  forebay status
  forebay status --url http://10.0.0.5:8420
  forebay status --json | jq .pending

The token, where one is needed, is FOREBAY_TOKEN or the settings'. `forebay top`
looks again every second.
"""


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("--json", action="store_true", help="print the process's answer as it is")
    add_url(parser)
    add_settings(parser, only=("host", "port"))


def run(args: Namespace) -> int:
    """Print the status. Raises CommandError where nobody answers."""
    settings = settings_from(args).settings
    from actors.cli.overview import WIDTH, overview
    from actors.cli.remote import Remote

    with Remote(settings, args.url) as remote:
        if args.json:
            print(remote.text("/api/status").rstrip("\n"))
            return FINE
        report = remote.status()
    print("\n".join(overview(report, time.time_ns(), min(width() or WIDTH, WIDTH))))
    return FINE
