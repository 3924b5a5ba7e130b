"""`forebay config`: the settings in force, each with where it came from."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace

import msgspec

from actors.cli.exits import FINE
from actors.cli.settings_flags import add_settings, settings_from
from actors.cli.terminal import columns, cut, paint, width
from actors.config import Effective

_EPILOG = """\
examples:
  forebay config                      what would `forebay run` use here?
  forebay config --port 9000          ... and with this flag?
  forebay config --json | jq -r '.[] | select(.source != "default") | .key'
  forebay config --variables          the environment variable of each setting

Secrets are shown as ***.
"""


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("--json", action="store_true", help="print a JSON array")
    parser.add_argument("--variables", action="store_true", help="print variable names in place of keys")
    add_settings(parser)


def run(args: Namespace) -> int:
    """Print the settings. Raises ConfigurationError with every problem there is."""
    loaded = settings_from(args)
    effective = loaded.effective()
    if args.json:
        print(json.dumps(msgspec.to_builtins(effective), indent=2))
    else:
        print("\n".join(_table(effective, args.variables)))
    for warning in loaded.warnings:
        print(f"forebay: warning: {warning}", file=sys.stderr)
    return FINE


def _table(effective: list[Effective], variables: bool) -> list[str]:
    room = width()
    value_room = None if room is None else max(room - (70 if variables else 46), 16)
    rows = [("variable" if variables else "key", "value", "source")]
    for row in effective:
        name = row.variable if variables else row.key.rpartition(".")[2]
        rows.append((name, cut(row.shown or "not set", value_room), _source(row)))
    lines = columns(rows, room=room)
    table = [paint(lines[0], "bold")]
    section = ""
    for row, line in zip(effective, lines[1:], strict=True):
        if not variables and (begins := row.key.rpartition(".")[0]) != section:
            section = begins
            table.append(paint(f"[{section}]", "bold"))
        table.append(paint(line, "dim") if row.source == "default" else line)
    return table


def _source(row: Effective) -> str:
    if row.source in ("environment", "default"):
        return row.source
    return row.where.partition(":")[0]
