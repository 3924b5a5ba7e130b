"""What several commands are told: which journal, and which part of it."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import datetime
from typing import Final

from journal.inspect import CONTROL_KINDS, METRIC_KINDS, Bound, Selection
from journal.metric import Nanoseconds

_SECOND: Final[Nanoseconds] = 1_000_000_000
_AGE = re.compile(r"^(\d+(?:\.\d+)?)(s|m|h|d)$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add_directory(parser: ArgumentParser) -> None:
    """Give `parser` the journal to look into."""
    parser.add_argument(
        "directory",
        nargs="?",
        default="data",
        metavar="DIR",
        help="a data directory, as given to `forebay run --data`, or a journal itself (default: data)",
    )


def add_selection(parser: ArgumentParser, *, limit: bool = True, grep: bool = False) -> None:
    """Give `parser` what chooses a part of a journal; without `limit` no number of lines, with `grep` a
    pattern that lines must match."""
    chosen = parser.add_argument_group("which part")
    chosen.add_argument(
        "--from",
        dest="since",
        metavar="WHEN",
        help="an offset, a time (2026-11-23T13:05, local unless it says its zone) or an age (15m, 2h, 1d)",
    )
    chosen.add_argument("--until", metavar="WHEN", help="up to there, itself not included")
    chosen.add_argument(
        "--kind",
        action="append",
        default=[],
        metavar="KIND",
        help=f"of metrics ({', '.join(METRIC_KINDS)}) or events ({', '.join(CONTROL_KINDS)})",
    )
    chosen.add_argument("--name", action="append", default=[], help="metrics of this name; * and ? are wild")
    chosen.add_argument("--source", action="append", default=[], help="metrics of this source; likewise")
    parser.set_defaults(limit=None, grep="")
    if grep:
        chosen.add_argument(
            "--grep",
            type=_pattern,
            metavar="PATTERN",
            help="lines in whose kind or last column this regular expression is found; (?i) ignores case",
        )
    if limit:
        chosen.add_argument("--limit", type=count, metavar="N", help="no more than N lines")


def add_jobs(parser: ArgumentParser) -> None:
    """Give `parser` how many processes may work at once: as many as there are cores for this one."""
    cores = len(os.sched_getaffinity(0))
    said = f"read N segments at once (default: {cores})"
    parser.add_argument("--jobs", type=_at_least_one, default=cores, metavar="N", help=said)


def selection_from(args: Namespace, now: Nanoseconds) -> Selection:
    """The part that was asked for. Raises ArgumentTypeError, naming the flag and what it takes."""
    kinds = tuple(kind for words in args.kind for kind in words.split(","))
    for kind in kinds:
        if kind not in (*METRIC_KINDS, *CONTROL_KINDS):
            known = ", ".join((*METRIC_KINDS, *CONTROL_KINDS))
            raise ArgumentTypeError(f"argument --kind: {kind!r} is none of {known}")
    return Selection(
        bound("--from", args.since, now),
        bound("--until", args.until, now),
        kinds,
        tuple(args.name),
        tuple(args.source),
        args.limit,
        args.grep,
    )


def bound(flag: str, text: str | None, now: Nanoseconds) -> Bound:
    """The place that `text` means. Raises ArgumentTypeError, naming `flag`."""
    if text is None:
        return Bound()
    if text.isascii() and text.isdigit():
        return Bound(offset=int(text))
    age = _AGE.match(text)
    if age is not None:
        return Bound(time=now - round(float(age.group(1)) * _UNITS[age.group(2)] * _SECOND))
    try:
        moment = datetime.fromisoformat(text).astimezone()
        return Bound(time=int(moment.timestamp()) * _SECOND + moment.microsecond * 1000)
    except (ValueError, OverflowError, OSError):
        raise ArgumentTypeError(
            f"argument {flag}: {text!r} is no offset, time (2026-11-23T13:05:00+01:00) or age (15m, 2h, 1d)"
        ) from None


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ArgumentTypeError(
            f"{text!r} is no regular expression ({error}); put a backslash before a sign that means itself"
        ) from None
    return text


def count(text: str) -> int:
    """The whole number that a flag was given. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r} must be a whole number, 0 or more")
    return int(text)


def _at_least_one(text: str) -> int:
    if (number := count(text)) == 0:
        raise ArgumentTypeError("'0' must be a whole number, 1 or more")
    return number
