"""`forebay journal ls`: the segments of a journal."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Final

import msgspec

from journal.cli.arguments import add_directory, add_jobs
from journal.cli.shell import code_for
from journal.cli.terminal import Colour, Progress, columns, local_time, paint, rough_span, say
from journal.cli.verify import as_object
from journal.inspect import Finding, SegmentReport, journal_directory, segment_sizes, verify, worst, writer_of

EPILOG = """\
examples:
  {prog}                       the segments of the journal in ./data
  {prog} /srv/forebay --json |
    jq '.segments[] | [.first_offset, .metrics]'

Offsets count metrics and control events. MB are used / preallocated. A segment
is active (being written to, the newest), sealed, torn (the next start heals
it), flawed or corrupt (see `verify`). To say so every byte is read, as many
segments at once as there are cores: some seconds for 10 GB that are in memory,
as long as the disk takes where they are not. The exit codes are those of
`verify`.
"""
_WIDTH: Final = 80
_COLOURS: dict[str, Colour] = {"torn": "yellow", "flawed": "yellow", "corrupt": "red", "active": "green"}


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    add_directory(parser)
    add_jobs(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(args: Namespace) -> int:
    """Print the table; the exit code is that of `verify`."""
    directory = journal_directory(args.directory)
    progress = Progress(segment_sizes(directory))
    steps = list(verify(directory, reading=progress.reading if progress.shows else None, jobs=args.jobs))
    progress.clear()
    findings = [step for step in steps if isinstance(step, Finding)]
    reports = [step for step in steps if isinstance(step, SegmentReport)]
    if args.json:
        say(msgspec.json.encode(as_object(directory, writer_of(directory), reports, findings)).decode())
        return code_for(findings)
    for line in render(reports, findings):
        say(line)
    if worst(findings) != "note":
        count = sum(finding.gravity != "note" for finding in findings)
        told = "1 finding" if count == 1 else f"{count} findings"
        say(paint(f"{told}: see `forebay journal verify {args.directory}`", "yellow"))
    return code_for(findings)


def render(reports: Sequence[SegmentReport], findings: Sequence[Finding]) -> list[str]:
    """The table's lines, 80 columns wide at most while offsets have up to twelve digits."""
    times = [local_time(report.first_time) for report in reports if report.first_time is not None]
    zone = f" {times[-1][23:]}" if times else ""
    named = ("first", "last", f"written{zone}", "for", "records", "metrics", "MB", "state")
    rows = [named, *(_row(report, _state(report, findings)) for report in reports)]
    head, *lines = columns(rows, right=(0, 1, 3, 4, 5, 6), room=_WIDTH)
    painted = [paint(head, "bold")]
    for row, line in zip(rows[1:], lines, strict=True):
        colour = _COLOURS.get(row[-1])
        painted.append(line.removesuffix(row[-1]) + paint(row[-1], colour) if colour else line)
    return painted


def _state(report: SegmentReport, findings: Sequence[Finding]) -> str:
    """The health where it is not sound, also by what was found between segments; else active or sealed."""
    own = [finding for finding in findings if finding.segment == report.name]
    match worst(own):
        case "corrupt":
            return "corrupt"
        case "warning":
            return report.health if report.health != "sound" else "flawed"
        case "note":
            return report.state


def _row(report: SegmentReport, state: str) -> tuple[str, ...]:
    first, last = report.first_time, report.last_time
    known = report.records > 0 and first is not None and last is not None
    return (
        str(report.first_offset),
        "?" if report.last_offset is None else str(report.last_offset),
        local_time(first)[:16] if known and first is not None else "?",
        _span(last - first) if known and first is not None and last is not None else "?",
        str(report.records) if known else "?",
        str(report.metrics) if known else "?",
        f"{_megabytes(report.used) if known else '?'}/{_megabytes(report.size)}",
        state,
    )


def _span(nanoseconds: int) -> str:
    return rough_span(nanoseconds).replace("min", "m").replace(" ", "")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f}" if size >= 10_000_000 else f"{size / 1e6:.1f}"
