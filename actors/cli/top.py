"""`forebay top`: a live view of a running process."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from actors.cli.client import add_url
from actors.cli.exits import FINE
from actors.cli.settings_flags import add_settings, settings_from
from actors.cli.terminal import cut, paint, width

if TYPE_CHECKING:
    from actors.cli.remote import Remote
    from actors.cli.watch import Watch

_EPILOG = """\
examples:
  forebay top                         in place, every second; q leaves
  forebay top --interval 5 --url http://10.0.0.5:8420
  forebay top --once                  one frame
  forebay top --json | jq '[.accepted_per_second, .persisted_per_second]'

In a pipe every frame is a block of lines, with an empty line behind it. While
the process is away its last status stays, and it is asked again.
"""


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    from actors.cli.arguments import of_kind
    from actors.config.kinds import duration

    parser.epilog = _EPILOG
    parser.add_argument(
        "--interval", type=of_kind(duration(0.1, 3600)), default=1.0, metavar="TIME", help="as in 5s (1s)"
    )
    parser.add_argument("--once", action="store_true", help="print one frame, of one interval, and leave")
    parser.add_argument("--json", action="store_true", help="print a JSON object an interval")
    add_url(parser)
    add_settings(parser, only=("host", "port"))


def run(args: Namespace) -> int:
    """Show until told to leave. Raises CommandError where nobody answers at the start."""
    settings = settings_from(args).settings
    from actors.cli.remote import Remote
    from actors.cli.watch import Watch

    with Remote(settings, args.url, timeout=2.0) as remote:
        watch = Watch(remote.url)
        look(remote, watch)
        if watch.trouble is not None:
            raise watch.trouble
        try:
            if args.json or args.once or width() is None or os.environ.get("TERM") == "dumb":
                _print(remote, watch, args)
            else:
                _live(remote, watch, args.interval)
        except KeyboardInterrupt:
            # A view that has no end of its own is left this way.
            return FINE
    return FINE


def look(remote: Remote, watch: Watch) -> None:
    """Have `watch` see how the process is, or that nobody answers."""
    from actors.cli.exits import CommandError

    try:
        report = remote.status()
    except CommandError as error:
        watch.missed(error, time.monotonic())
    else:
        watch.saw(report, time.monotonic(), time.time_ns())


def _print(remote: Remote, watch: Watch, args: Namespace) -> None:
    room = width()
    while True:
        time.sleep(args.interval)
        look(remote, watch)
        if args.json:
            print(watch.as_json(time.time_ns()), flush=True)
        else:
            print("\n".join(watch.frame(time.monotonic(), time.time_ns(), room)), flush=True)
        if args.once:
            if watch.trouble is not None:
                raise watch.trouble
            return
        if not args.json:
            print(flush=True)


def _live(remote: Remote, watch: Watch, interval: float) -> None:
    from actors.cli.screen import Screen

    with Screen() as screen:
        due = time.monotonic() + interval
        while True:
            room, _ = screen.size()
            lines = watch.frame(time.monotonic(), time.time_ns(), room)
            screen.draw([lines[0], paint(cut(f"{remote.url}, q leaves", room), "dim"), *lines[1:]])
            match screen.wait(due - time.monotonic()):
                case "quit":
                    return
                case "resize":
                    continue
                case "time":
                    due = max(due + interval, time.monotonic() + interval / 2)
                    look(remote, watch)
