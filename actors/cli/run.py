"""`forebay run`: the long-running process."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from actors.cli.settings_flags import add_settings, settings_from

_EPILOG = """\
examples:
  forebay run                       all in ./data, page at http://127.0.0.1:8420
  forebay run --data /srv/forebay --port 9000
  forebay run --store sqlite: --store postgresql://me@db/metrics
  FOREBAY_TOKEN=... forebay run --host 0.0.0.0  others may send, with the token

Ctrl-C or SIGTERM stops in good order, a second one at once: either way nothing
that was acknowledged is lost. SIGHUP reads the settings again.
"""


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    parser.epilog = _EPILOG
    add_settings(parser)


def run(args: Namespace) -> int:
    """Run until told to stop; the process's exit code."""
    loaded = settings_from(args)
    from actors.process import run_process

    return run_process(loaded)
