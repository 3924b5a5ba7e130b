"""`forebay flags set` and `reset`: what a person decides, journaled by the process that runs."""

from __future__ import annotations

import getpass
from argparse import Namespace
from typing import Any, Final
from urllib.parse import quote

import msgspec

from actors.cli.exits import FINE, USAGE, CommandError
from actors.cli.flags_look import PATH, details, said
from actors.cli.remote import NobodyAnswersError, NotPossibleError, Remote
from actors.cli.settings_flags import settings_from
from journal.cli.terminal import harmless
from journal.flags import FlagValue
from web.evaluations import Definition, FlagReport

_SWITCH: Final = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


def give(args: Namespace) -> int:
    """Give the value to whom the flags say."""
    with Remote(settings_from(args).settings, args.url) as remote:
        definition = _definition(remote, args)
        change: dict[str, Any] = {"value": typed(definition, args.value)}
        if args.rollout is not None:
            change["rollout"] = args.rollout
        return _tell(_change(remote, args, change), args)


def reset(args: Namespace) -> int:
    """Take back what was decided about the flag, or the session's own value."""
    with Remote(settings_from(args).settings, args.url) as remote:
        _definition(remote, args)
        return _tell(_change(remote, args, {"value": None}), args)


def typed(definition: Definition, text: str) -> FlagValue:
    """`text` as a value of the flag's type; as it is where it is none, for the process to say what is."""
    match definition.type:
        case "boolean":
            return _SWITCH.get(text.lower(), text)
        case "integer" | "number":
            try:
                return msgspec.json.decode(text.encode(), type=int | float)
            except msgspec.DecodeError:
                return text
        case "string":
            return text


def _definition(remote: Remote, args: Namespace) -> Definition:
    try:
        return details(remote, args.name, "").definition
    except NobodyAnswersError as error:
        raise CommandError(
            f"flags {args.action}: {error}; only a running process changes its flags"
        ) from error


def _change(remote: Remote, args: Namespace, change: dict[str, Any]) -> FlagReport:
    whose = {} if args.session is None else {"session": args.session}
    try:
        return remote.put(f"{PATH}/{quote(args.name, safe='')}", FlagReport, {**change, **whose, "by": _me()})
    except NotPossibleError as error:
        if error.status == 400:
            raise CommandError(f"flags {args.action}: {error.detail}", USAGE) from error
        raise


def _me() -> str:
    """Who sits here, as far as the system knows."""
    try:
        return getpass.getuser()[:255].encode(errors="replace").decode()
    except (KeyError, OSError):
        return ""


def _tell(flag: FlagReport, args: Namespace) -> int:
    if args.json:
        print(msgspec.json.encode(flag).decode())
        return FINE
    default = said(flag.definition.default)
    if args.session is not None:
        if args.session in flag.overrides:
            line = f"{said(flag.value)} for session {args.session}, whatever the others get"
        else:
            line = f"{said(flag.value)} for session {args.session}, as for the others"
    elif flag.setting is None:
        line = f"{default} for all sessions, the default"
    elif flag.setting.rollout < 100:
        line = (
            f"{said(flag.setting.value)} for {flag.setting.rollout:g} % of sessions, {default} for the others"
        )
    else:
        line = f"{said(flag.setting.value)} for all sessions"
    if args.session is None and flag.overrides:
        own = len(flag.overrides)
        line += f"; {own} session{' has its' if own == 1 else 's have their'} own"
    print(harmless(f"{flag.name}: {line}"))
    return FINE
