"""Finds the command, and turns every error into one line on stderr and an exit code.

0 sound · 1 findings that stop no start, or work failed · 2 usage · 3 journal corrupt. Beside these, as
shells have it: 130 after Ctrl-C, 141 where nobody reads the output any more.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, NoReturn, TextIO

from journal.cli.exits import BROKEN_PIPE, CORRUPT, FAILED, FINE, INTERRUPTED, USAGE, CommandFailedError
from journal.events import LaterFormatError
from journal.inspect import Finding, Gravity, PastDamagedError, PastRetiredError, worst
from journal.segment import JournalCorruptError, NoJournalError

COMMANDS = {
    "ls": "list the segments: offsets, times, records, metrics, bytes, health",
    "stat": "what is in it: totals, kinds, names, sources, rate, cursors, disk",
    "verify": "read every byte and say what is wrong, where, and what helps",
    "dump": "show metrics and events, as a table, as JSON lines or as raw bytes",
    "tail": "show what is appended, while it is",
    "repair": "salvage what can be read, keep the originals, name what is lost",
    "replay": "send metrics to a store again, or print the state as of any point",
    "diff": "what changed in the state between two points, and by which events",
    "export": "write a range as Parquet or as JSON lines",
}

_EPILOG = """\
examples:
  {prog} ls                      the segments of the journal in ./data
  {prog} verify /srv/forebay     is every byte sound?
  {prog} dump --from 15m --name 'gpu.*' --json | jq .value

Works on the directory of a stopped or crashed process, and on that of a running
one without disturbing it: nothing is locked and nothing written, but by
`repair --apply`, which asks for a stopped process.

exit codes: 0 sound, 1 findings that stop no start (torn tail, stray file) or
work failed, 2 usage, 3 journal corrupt, 4 in use by another process
"""


class Parser(ArgumentParser):
    """An ArgumentParser whose errors are one line that says where help is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    _intermixing = False

    # argparse itself calls it with both by place; its stub has an overload for each way to leave them out.
    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """As always, but that flags may stand between two directories or files too."""
        if self._subparsers is not None or self._intermixing:
            return super().parse_known_args(args, namespace)
        self._intermixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._intermixing = False

    def error(self, message: str) -> NoReturn:
        """Say `message` on stderr and leave with 2."""
        self.exit(USAGE, f"{self.prog}: {message}; see `{self.prog} --help`\n")


def code_for(findings: Iterable[Finding]) -> int:
    """The exit code for what was found."""
    codes: dict[Gravity, int] = {"note": FINE, "warning": FAILED, "corrupt": CORRUPT}
    return codes[worst(findings)]


def main(argv: Sequence[str], prog: str) -> int:
    """Run the command line `argv` and return its exit code; `prog` is what the user typed before it."""
    debug = "--debug" in argv
    _accept_any_text(sys.stdout)
    try:
        code = _dispatch([word for word in argv if word != "--debug"], prog)
        sys.stdout.flush()
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except BrokenPipeError:
        # The interpreter flushes stdout once more on its way out, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last place that can tell the user
        if debug:
            traceback.print_exception(error)
        code, line = _explain(error)
        if line:
            sys.stderr.write(f"{prog}: {' '.join(line.split())}\n")
    return code


def _accept_any_text(stream: TextIO) -> None:
    """A narrow encoding is no reason to stop in the middle of a listing."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _dispatch(arguments: list[str], prog: str) -> int:
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    parser = Parser(
        prog=prog,
        description="Looks into a journal; only `repair --apply` changes it.",
        epilog=_EPILOG.format(prog=prog),
    )
    parser.add_argument("--debug", action="store_true", help="show a traceback with an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name, line in COMMANDS.items():
        command = commands.add_parser(name, help=line)
        if name == chosen:
            command.description = line[0].upper() + line[1:] + "."
            command.add_argument("--debug", action="store_true", default=SUPPRESS, help=SUPPRESS)
            module = import_module(f"journal.cli.{name}")
            module.add(command)
            command.epilog = module.EPILOG.format(prog=f"{prog} {name}")
    args = parser.parse_args(arguments)
    return int(import_module(f"journal.cli.{args.command}").run(args))


def _explain(error: BaseException) -> tuple[int, str]:
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, ""
    if isinstance(error, CommandFailedError):
        return error.code, str(error)
    if isinstance(error, PastDamagedError):
        return CORRUPT, str(error)
    if isinstance(error, (NoJournalError, LaterFormatError, PastRetiredError, ArgumentTypeError)):
        return USAGE, str(error)
    if isinstance(error, JournalCorruptError):
        return CORRUPT, str(error)
    if isinstance(error, PermissionError):
        return FAILED, f"{error.filename}: this user may not read or write it; run as the one who owns it"
    if isinstance(error, OSError) and error.strerror:
        where = error.filename or "standard output"
        return FAILED, f"{where}: {error.strerror}; look at the disk and the system's log"
    said = f": {error}" if str(error) else ""
    return FAILED, f"internal error: {type(error).__name__}{said}; --debug shows where it came from"
