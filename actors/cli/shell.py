"""Finds the command, imports it, and turns every error into one line on stderr and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from actors import __version__

COMMANDS = {
    "run": "accept metrics, keep them, store them: the long-running process",
    "validate": "check settings, journal, stores and port; start nothing",
    "config": "show the settings in force and where each came from",
    "status": "one look at a running process",
    "top": "a live view of a running process",
    "audit": "prove that accepted = persisted + dead-lettered + pending",
    "dlq": "dead letters: ls, show, redrive, discard, export",
    "breaker": "hold a store off by hand: open, close",
    "flags": "feature flags: ls, show, set, reset",
    "db": "the store's tables: migrate, status",
    "demo": "send realistic metrics to a running process",
    "journal": "look into a journal, repair it, replay it: ls, verify, dump, …",
}

_EPILOG = """\
examples:
  forebay run                         all in ./data, page at 127.0.0.1:8420
  forebay run --data /srv/forebay --store sqlite:////srv/forebay/metrics.db
  forebay demo --rate 1000            in a second terminal: see it live
  forebay status                      how is it doing?
  forebay dlq ls                      what could not be stored, and why
  forebay flags ls                    what the dashboard does, and for whom
  forebay journal verify data         is every byte sound?

exit codes: 0 fine, 1 a check found something or work failed, 2 usage or
configuration, 3 journal corrupt (see `forebay journal`), 4 data directory in
use
"""


class Parser(ArgumentParser):
    """An ArgumentParser whose errors are one line that says where help is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Say `message` on stderr and leave with 2."""
        name = self.prog.partition(" ")[2]
        where = f"{name}: " if name else ""
        self.exit(2, f"forebay: {where}{message}; see `{self.prog} --help`\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (this process's, if None) and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    _prepare_streams()
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except BrokenPipeError:
        return _reader_gone()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last place that can tell the user
        return _tell(error, debug)
    return code


def _prepare_streams() -> None:
    """Neither a narrow encoding nor a stream that was closed before the start ends a command half-way."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # It takes the free descriptor, which else the next file would have.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _dispatch(arguments: list[str]) -> int:
    name = next((word for word in arguments if not word.startswith("-")), None)
    if name == "journal" and set(arguments[: arguments.index(name)]) <= {"--debug"}:
        from journal.__main__ import main as journal_main

        at = arguments.index(name)
        return journal_main([*arguments[:at], *arguments[at + 1 :]], "forebay journal")
    args = _parser(name).parse_args(arguments)
    run = import_module(f"actors.cli.{args.command}").run
    return int(run(args))


def _parser(chosen: str | None) -> Parser:
    """The whole parser; of the commands, only the chosen one is imported and knows its flags."""
    parser = Parser(
        prog="forebay",
        description="Accepts metrics, keeps each on disk before it says yes, and feeds a database.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"forebay {__version__}")
    _add_debug(parser, False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name, line in COMMANDS.items():
        command = commands.add_parser(name, help=line)
        if name == chosen and name != "journal":
            command.description = line[0].upper() + line[1:] + "."
            import_module(f"actors.cli.{name}").add(command)
            _add_debug(command, SUPPRESS)
    return parser


def _add_debug(parser: ArgumentParser, default: object) -> None:
    parser.add_argument(
        "--debug", action="store_true", default=default, help="show a traceback with an error"
    )


def _reader_gone() -> int:
    from actors.cli.exits import BROKEN_PIPE

    # The interpreter flushes stdout once more on its way out, and would complain then.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _tell(error: BaseException, debug: bool) -> int:
    from actors.cli.exits import explain

    if debug:
        traceback.print_exception(error)
    code, lines = explain(error)
    for line in lines:
        print(f"forebay: {' '.join(line.split())}", file=sys.stderr)
    return code
