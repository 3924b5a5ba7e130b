"""`forebay audit`: proves that nothing is lost and nothing doubled."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from actors.cli.flags import add_settings, settings_from

_EPILOG = """\
examples:
  forebay audit                       journal against store, in ./data
  forebay audit --data /srv/forebay --json

Reads the journal and the stores and changes neither; a running process is not disturbed.
Exit code 0 when accepted = persisted + dead-lettered + pending, 1 with the differing offsets
when not.
"""


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    add_settings(parser, only=("data", "store"))


def run(args: Namespace) -> int:
    """0 when the account balances, 1 when it does not."""
    loaded = settings_from(args)
    from actors.audit import run_audit

    return run_audit(loaded, as_json=args.json)
