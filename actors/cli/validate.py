"""`forebay validate`: every problem at once, and nothing started."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

import msgspec

from actors.cli.exits import CORRUPT, FAILED, FINE, IN_USE, USAGE
from actors.cli.settings_flags import add_settings, settings_from
from actors.cli.terminal import paint
from actors.config import ConfigurationError, Problem

_EPILOG = """\
examples:
  forebay validate                    before a start, or after a change
  forebay validate --config new.toml && mv new.toml forebay.toml
  forebay validate --json | jq '.checks[] | select(.trouble != "")'

Exit code 0 when a start would succeed, 1 when something is in its way, 2 when
the settings are wrong, 3 when the journal is corrupt, 4 when another process
works in the data directory.
"""


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    add_settings(parser)


def run(args: Namespace) -> int:
    """Look at everything, print what was found; the exit code says whether a start would succeed."""
    try:
        loaded = settings_from(args)
    except ConfigurationError as error:
        if not args.json:
            raise
        return _print_bad_settings(error.problems)
    from actors.cli.checks import all_checks

    checks = list(all_checks(loaded.settings))
    troubles = {check.trouble for check in checks} - {""}
    if args.json:
        found = {"ok": not troubles, "problems": [], "warnings": loaded.warnings, "checks": checks}
        print(json.dumps(msgspec.to_builtins(found), indent=2))
        return _code(troubles)
    for check in checks:
        if check.trouble:
            print(f"forebay: {check.what}: {check.found}", file=sys.stderr)
        else:
            print(f"{paint('✓', 'green')} {check.what}: {check.found}")
    for warning in loaded.warnings:
        print(f"forebay: warning: {warning}", file=sys.stderr)
    if not troubles:
        print(paint(f"ready: {len(checks)} checks, no problem", "green"))
    return _code(troubles)


def _print_bad_settings(problems: Sequence[Problem]) -> int:
    print(
        json.dumps(
            {"ok": False, "problems": msgspec.to_builtins(problems), "warnings": [], "checks": []}, indent=2
        )
    )
    return USAGE


def _code(troubles: set[str]) -> int:
    if "corrupt" in troubles:
        return CORRUPT
    if "in use" in troubles:
        return IN_USE
    return FAILED if troubles else FINE
