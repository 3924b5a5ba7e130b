"""`forebay status`: one look at a running process."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

import msgspec

from actors.cli.client import add_url, base_url, headers, nobody_listens, refused
from actors.cli.exits import FINE
from actors.cli.flags import add_settings, settings_from
from actors.cli.terminal import Colour, columns, cut, paint, rough_size, width
from web.ports import ActorStatus, StatusReport

_EPILOG = """\
examples:
  forebay status
  forebay status --url http://10.0.0.5:8420
  forebay status --json | jq .pending

The token, where one is needed, is FOREBAY_TOKEN or the settings'.
"""
_TIMEOUT = 5.0
_WIDTH = 80


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("--json", action="store_true", help="print the process's answer as it is")
    add_url(parser)
    add_settings(parser, only=("host", "port"))


def run(args: Namespace) -> int:
    """Print the status. Raises CommandError where nobody answers."""
    import httpx

    settings = settings_from(args).settings
    url = base_url(settings, args.url)
    try:
        with httpx.Client(trust_env=False, timeout=_TIMEOUT, headers=headers(settings)) as client:
            response = client.get(f"{url}/api/status")
    except httpx.TransportError as error:
        raise nobody_listens(url) from error
    if response.status_code != 200:
        raise refused(url, response)
    if args.json:
        sys.stdout.write(response.text.rstrip("\n") + "\n")
        return FINE
    try:
        report = msgspec.json.decode(response.content, type=StatusReport)
    except msgspec.DecodeError as error:
        raise refused(url, response) from error
    print("\n".join(render(report, time.time_ns())))
    return FINE


def render(report: StatusReport, now: int) -> list[str]:
    """The report as lines of at most 80 columns; `now` in nanoseconds."""
    room = min(width() or _WIDTH, _WIDTH)
    return [*_summary(report, now, room), "", *_stores(report, room), "", *_actors(report.actors, room)]


def _summary(report: StatusReport, now: int, room: int) -> Iterator[str]:
    journal = report.journal
    balanced = report.accepted == report.persisted + report.dead_lettered + report.pending
    yield paint(cut(f"forebay {report.version}, up {_ago(now - report.started_at)}", room), "bold")
    account = (
        f"accepted {report.accepted:,} {'=' if balanced else '≠'} persisted {report.persisted:,}"
        f" + dead letters {report.dead_lettered:,} + pending {report.pending:,}"
    )
    yield paint(cut(account, room), "green" if balanced else "red")
    yield cut(f"journal {journal.id}, {journal.state}, durability {journal.durability}", room)
    yield cut(
        f"        offsets {journal.first_offset:,} to {journal.next_offset:,}, "
        f"{journal.segments:,} segment{'' if journal.segments == 1 else 's'}, "
        f"{rough_size(journal.bytes)}, {rough_size(journal.free_bytes)} free",
        room,
    )


def _stores(report: StatusReport, room: int) -> list[str]:
    rows = [("store", "state", "cursor", "lag", "persisted", "breaker")]
    rows += [
        (
            cut(store.name, 20),
            store.state,
            f"{store.cursor:,}",
            f"{store.lag:,}",
            f"{store.persisted:,}",
            store.breaker,
        )
        for store in report.stores
    ]
    head, *lines = columns(rows, right=(2, 3, 4), room=room)
    told = [paint(head, "bold")]
    for store, line in zip(report.stores, lines, strict=True):
        told.append(line if store.breaker == "closed" and store.state != "blocked" else paint(line, "yellow"))
        if store.last_error:
            told.append(paint(cut(f"  {store.last_error}", room), "red"))
    return told


def _actors(root: ActorStatus, room: int) -> list[str]:
    nodes = list(_walk(root, "", ""))
    rows = [("actor", "state", "mailbox", "processed", "restarts")]
    rows += [
        (
            cut(f"{branch}{actor.name}", 36),
            actor.state,
            f"{actor.mailbox:,}/{actor.capacity:,}" if actor.capacity else "",
            f"{actor.processed:,}" if actor.capacity else "",
            f"{actor.restarts:,}" if actor.kind != "supervisor" or actor.restarts else "",
        )
        for branch, actor in nodes
    ]
    head, *lines = columns(rows, right=(2, 3, 4), room=room)
    told = [paint(head, "bold")]
    for (branch, actor), line in zip(nodes, lines, strict=True):
        colour = _STATE_COLOURS.get(actor.state)
        told.append(paint(line, colour) if colour else line)
        if actor.last_error:
            told.append(paint(cut(f"{' ' * len(branch)}  {actor.last_error}", room), "red"))
    return told


_STATE_COLOURS: dict[str, Colour] = {"restarting": "yellow", "stopping": "yellow", "failed": "red"}


def _walk(actor: ActorStatus, branch: str, below: str) -> Iterator[tuple[str, ActorStatus]]:
    yield branch, actor
    for child in actor.children:
        last = child is actor.children[-1]
        yield from _walk(child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))


def _ago(nanoseconds: int) -> str:
    seconds = max(nanoseconds // 1_000_000_000, 0)
    for unit, name, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            return f"{seconds // unit} {name} {seconds % unit // smaller} {small}"
    return f"{seconds} s"
