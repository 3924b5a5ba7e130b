"""`forebay journal repair`: make a damaged journal one that verifies and starts."""

from __future__ import annotations

import shlex
import sys
import textwrap
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from journal.cli.arguments import add_directory
from journal.cli.exits import CORRUPT, FAILED, FINE, IN_USE, CommandFailedError
from journal.cli.terminal import Colour, Progress, paint, say
from journal.inspect import Gravity, journal_directory, segment_sizes, writer_of
from journal.repair import (
    GapTooWideError,
    JournalIdLostError,
    JournalInUseError,
    Loss,
    NoRoomError,
    Report,
    Work,
    dry_run,
    repair,
)

EPILOG = """\
examples:
  {prog}                       what would be done to ./data
  {prog} /srv/forebay --apply  when it is stopped
  {prog} /srv/forebay/dead-letters
  {prog} --json | jq '.work[] | {{name, wrong, lost}}'

Without --apply nothing is changed. With it, every record that can be read is
kept as it is, an event names the offsets that are lost, and every file that is
replaced is kept under quarantine/ in the journal's directory, beside a
report.json. A repair that was interrupted is simply done again.

Exit code 0 when there is nothing to do, or it is done; without --apply, 1 where
nothing is lost and a start does not mind (torn tail), 3 where the journal is
corrupt. 4 with --apply while a process has the journal open.
"""
_WIDTH: Final = 80
_FURTHEST: Final = 1 << 48
"""A million metrics a second for nine years; a slip of the hand must not use up the offsets there are."""
_SHOWN: Final = 4
"""Things told of one segment; --json has all."""
_COLOURS: Final[dict[Gravity, Colour]] = {"note": "green", "warning": "yellow", "corrupt": "red"}
_DEEDS: Final = {
    "rewritten": "rewritten",
    "made anew": "made anew",
    "renamed": "renamed from {source}",
    "brought back": "brought back from {source}",
    "taken out": "moved to quarantine/",
    "begun": "begun, behind all that was given",
}


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    add_directory(parser)
    parser.add_argument("--apply", action="store_true", help="do it; without this nothing is changed")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    known = parser.add_argument_group("what you know, and no file says any more")
    known.add_argument(
        "--next-offset",
        type=_offset,
        default=0,
        metavar="N",
        help="offsets before N have been given: for a newest segment that is gone altogether",
    )
    known.add_argument(
        "--journal-id", type=_id, metavar="UUID", help="the journal's id, where no header can be read"
    )


def run(args: Namespace) -> int:
    """Tell what is wrong and what is done about it, or would be."""
    directory = journal_directory(args.directory)
    progress = Progress(segment_sizes(directory))
    reading = progress.reading if progress.shows else None
    writer = None if args.apply else writer_of(directory)
    id_, given = args.journal_id, args.next_offset
    try:
        if args.apply:
            report = repair(directory, journal_id=id_, given=given, reading=reading)
        else:
            report = dry_run(directory, journal_id=id_, given=given, alone=writer is None, reading=reading)
    except JournalInUseError as error:
        raise CommandFailedError(str(error), IN_USE) from error
    except (JournalIdLostError, GapTooWideError) as error:
        raise CommandFailedError(str(error), CORRUPT) from error
    except NoRoomError as error:
        raise CommandFailedError(str(error), FAILED) from error
    finally:
        progress.clear()
    if args.json:
        told = {**msgspec.structs.asdict(report), "writer": writer}
        say(msgspec.json.encode(told).decode())
    else:
        for line in render(report, args.directory):
            say(line)
        if writer is not None and report.work:
            sys.stderr.write(
                f"process {writer} is writing there: what looks damaged at the end may be a write under way\n"
            )
    return _code(report)


def _code(report: Report) -> int:
    if report.strange:
        return CORRUPT
    if report.applied:
        return FINE
    codes: dict[Gravity, int] = {"note": FINE, "warning": FAILED, "corrupt": CORRUPT}
    return codes[report.gravity]


def render(report: Report, given: str) -> list[str]:
    """The report in lines of 80 columns; `given` is the directory as the user named it."""
    lines = [line for work in report.work for line in _told(work)]
    if report.unreadable_bytes:
        lines += _wrapped(f"{report.unreadable_bytes:,} bytes could not be read: look at the disk", "")
    if report.strange:
        count = _count(report.strange, "record")
        lines += _wrapped(
            f"{count} can only be read by another version of Forebay, and stay as they are: run that version",
            "",
        )
    return [*lines, *_ending(report, given)]


def _ending(report: Report, given: str) -> list[str]:
    colour = _COLOURS["note" if report.applied else report.gravity]
    if not report.work:
        return [paint("nothing to do", "green") + f": {_count(report.segments, 'segment')}, all in order"]
    lost = "nothing is lost"
    if report.lost_offsets:
        about = "" if report.exact else " at most"
        lost = f"{_count(report.lost_offsets, 'offset')} lost, {_count(report.lost_metrics, 'metric')}{about}"
    lines: list[str] = []
    if any(loss.leap for work in report.work for loss in work.lost):
        lines += _wrapped(
            f"How many offsets the damaged end held, nothing tells. New ones go on at offset "
            f"{report.next_offset}, behind all that it can have held: no number is given twice.",
            "",
        )
    where = shlex.quote(given)
    files = _count(len(report.work), "file")
    if report.applied:
        lines.append(paint("repaired", colour) + f": {files}, {lost}")
        lines.append(f"originals: {report.quarantine} in the journal's directory")
        lines.append(f"next: `forebay journal verify {where}`, then `forebay run`")
        return lines
    lines.append(paint("to do", colour) + f": {files}, {lost}; nothing has been changed")
    lines.append(f"next: `forebay journal repair {where} --apply` (the originals are kept)")
    return lines


def _told(work: Work) -> list[str]:
    wrong = work.wrong[:_SHOWN]
    more = len(work.wrong) - len(wrong)
    told = f"{work.name}: {'; '.join(wrong)}" + (f"; and {more} more" if more else "")
    return [*_wrapped(told, "  "), *_wrapped("  " + _deed(work), "    ")]


def _deed(work: Work) -> str:
    deed = _DEEDS[work.deed].format(source=work.source)
    if work.deed in ("taken out", "begun"):
        return deed
    kept = f"{_count(work.records, 'record')} and {_count(work.metrics, 'metric')} kept"
    said = [f"{deed}: {kept if work.records else 'no record can be read'}"]
    said += map(_loss, work.lost[:_SHOWN])
    more = work.lost[_SHOWN:]
    if more:
        said.append(f"and {sum(loss.last - loss.first + 1 for loss in more):,} more offsets")
    return "; ".join(said)


def _loss(loss: Loss) -> str:
    about = "" if loss.exact else " at most"
    metrics = f"{_count(loss.metrics, 'metric')}{about}"
    if loss.leap:
        return f"offsets from {loss.first} on lost, before {loss.last + 1} ({metrics})"
    if loss.first == loss.last:
        return f"offset {loss.first} lost ({metrics})"
    return f"offsets {loss.first} to {loss.last} lost ({metrics})"


def _wrapped(text: str, indent: str) -> Sequence[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=text[: len(text) - len(text.lstrip())],
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def _offset(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r} must be an offset: a whole number, 0 or more")
    if int(text) > _FURTHEST:
        raise ArgumentTypeError(f"{text!r} is further than any journal goes: {_FURTHEST} at most")
    return int(text)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no UUID such as 01234567-89ab-4cde-8f01-23456789abcd") from None
