"""`forebay flags ls` and `show`: what holds, in a running process or in a journal as it was left."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from textwrap import wrap
from typing import Final
from urllib.parse import quote

import msgspec

from actors.cli.exits import FINE, USAGE, CommandError
from actors.cli.remote import NobodyAnswersError, NotPossibleError, Remote
from actors.cli.settings_flags import settings_from
from actors.cli.terminal import columns, cut, paint, width
from actors.core.flags import DEFINITIONS, UNDECIDED, allowed_words, by_name, defined, report
from journal.cli.terminal import harmless, local_time
from journal.flags import FlagValue
from journal.inspect import Bound, journal_directory, state_at
from journal.metric import Nanoseconds
from journal.state import State
from web.evaluations import FlagDetails, FlagList, FlagReport, NoSuchFlagError
from web.health import span

PATH: Final = "/api/flags"
_WIDTH: Final = 80
_LABEL: Final = 9
_OVERRIDES: Final = 10
"""Overrides that are shown one by one."""


def ls(args: Namespace) -> int:
    """Print the list."""
    session = args.session or ""
    with Remote(settings_from(args).settings, args.url) as remote:
        try:
            listed = remote.get(PATH, FlagList, {"session": session})
        except NobodyAnswersError as error:
            state = _left(args, remote.url, error)
            known = by_name(DEFINITIONS)
            listed = FlagList(session, [_report(state, name, session) for name in known])
    if args.json:
        print(msgspec.json.encode(listed).decode())
        return FINE
    for line in table(listed, time.time_ns(), width() or _WIDTH):
        print(line)
    return FINE


def show(args: Namespace) -> int:
    """Print one flag."""
    session = args.session or ""
    with Remote(settings_from(args).settings, args.url) as remote:
        try:
            flag = details(remote, args.name, session)
        except NobodyAnswersError as error:
            state = _left(args, remote.url, error)
            about = msgspec.structs.asdict(_report(state, args.name, session))
            flag = FlagDetails(**about, shares=[], seen=[])
    if args.json:
        print(msgspec.json.encode(flag).decode())
        return FINE
    for line in page(flag, session):
        print(cut(line, width()))
    return FINE


def details(remote: Remote, name: str, session: str) -> FlagDetails:
    """The flag `name` of a running process. Raises CommandError where it has no such flag."""
    try:
        return remote.get(f"{PATH}/{quote(name, safe='')}", FlagDetails, {"session": session})
    except NotPossibleError as error:
        if error.status == 404:
            raise CommandError(error.detail, USAGE) from error
        raise


def table(listed: FlagList, now: Nanoseconds, room: int) -> Iterator[str]:
    """`listed` as lines of at most `room` columns."""
    rows = [("flag", *(("given", "because") if listed.session else ()), "set to", "changed")]
    rows += [
        (
            flag.name,
            *((said(flag.value), flag.reason.lower().replace("_", " ")) if listed.session else ()),
            _decided(flag),
            # There is no room for both.
            _changed(flag, now, named=not listed.session),
        )
        for flag in listed.flags
    ]
    head, *lines = columns([tuple(map(harmless, row)) for row in rows], room=room)
    yield paint(head, "bold")
    yield from lines


def page(flag: FlagDetails, session: str) -> Iterator[str]:
    """`flag` as lines, one a thing that is to be said of it."""
    definition = flag.definition
    about = {
        "flag": flag.name,
        "is": definition.description,
        "can be": f"{allowed_words(definition)}; by default {said(definition.default)}",
        "set to": _decided(flag),
    }
    if session:
        about["given"] = f"{said(flag.value)} to session {session}: {flag.error or flag.reason}"
    if flag.updated_at:
        about["changed"] = local_time(flag.updated_at) + (f" by {flag.by}" if flag.by else "")
    for name, value in about.items():
        first, *rest = wrap(harmless(value), _WIDTH - _LABEL)
        yield f"{paint(name.ljust(_LABEL), 'bold')}{first}"
        yield from (" " * _LABEL + line for line in rest)
    own = list(reversed(flag.overrides.items()))
    if own:
        yield paint(f"{len(own)} with a value of their own", "bold")
        yield from (harmless(f"  {said(value)}  {who}") for who, value in own[:_OVERRIDES])
        if len(own) > _OVERRIDES:
            yield paint(f"  … and {len(own) - _OVERRIDES} more: --json has them all", "dim")
    if flag.shares:
        yield paint("given lately", "bold")
        rows = [(f"{each.sessions:,}", said(each.value), each.reason) for each in flag.shares]
        yield from (f"  {harmless(line)}" for line in columns(rows, right=(0,)))


def said(value: FlagValue) -> str:
    """`value` as one may type it."""
    return value if isinstance(value, str) and value else msgspec.json.encode(value).decode()


def _decided(flag: FlagReport) -> str:
    parts = [f"{said(flag.definition.default)}, the default"]
    if flag.setting is not None:
        parts = [said(flag.setting.value)]
        if flag.setting.rollout < 100:
            parts = [f"{said(flag.setting.value)} for {flag.setting.rollout:g} %"]
    if flag.overrides:
        parts.append(f"{len(flag.overrides)} own")
    return "; ".join(parts)


def _changed(flag: FlagReport, now: Nanoseconds, *, named: bool) -> str:
    if not flag.updated_at:
        return "-"
    number, unit, *_ = span((now - flag.updated_at) / 1e9).split()
    return f"{number} {unit} ago" + (f" by {flag.by}" if flag.by and named else "")


def _report(state: State, name: str, session: str) -> FlagReport:
    try:
        definition = defined(by_name(DEFINITIONS), name)
    except NoSuchFlagError as error:
        raise CommandError(str(error), USAGE) from error
    return report(definition, state.flags.get(name, UNDECIDED), session)


def _left(args: Namespace, url: str, error: NobodyAnswersError) -> State:
    """The state of the journal that a process left; what it says on stderr tells so. Raises `error` where
    there is none, or where --url says which process is meant."""
    data = settings_from(args).settings.data
    if args.url or not os.path.isdir(data):
        raise error
    if os.path.basename(os.path.abspath(data)) == "dead-letters":
        # The queue's own journal knows nothing of flags.
        data = os.path.dirname(os.path.abspath(data))
    directory = journal_directory(data)
    sys.stderr.write(f"no process answers at {url}: this is {directory} as it was left\n")
    return state_at(directory, Bound(None, None)).state
