"""`forebay journal verify`: is every byte what it should be?"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

import msgspec

from journal.cli.arguments import add_directory, add_jobs
from journal.cli.shell import code_for
from journal.cli.terminal import GRAVITY_COLOURS, Progress, paint, rough_size, say
from journal.inspect import Finding, SegmentReport, journal_directory, segment_sizes, verify, worst, writer_of

EPILOG = """\
examples:
  {prog}                       the journal in ./data
  {prog} /srv/forebay          another data directory
  {prog} /srv/forebay/dead-letters
  {prog} --json | jq -r '.findings[].what'

Each finding is one line: segment, byte, offset, what, and what helps. Checked
are all checksums, the chain of records, offsets, headers, how segments follow
one another, that each event can be decoded and holds as many metrics as its
record says, and that the events fold to the snapshot of the next segment.
Metrics were validated when they came, and are vouched for by their record's
checksum: --decode decodes each one too, which takes about ten times as long.
As many segments are read at once as there are cores, or --jobs.

Exit code 0 when sound, 1 for findings that stop no start (torn tail, stray
file), 3 for corruption.
"""


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    add_directory(parser)
    parser.add_argument(
        "--decode", action="store_true", help="decode each metric too, not only the events around them"
    )
    add_jobs(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(args: Namespace) -> int:
    """Print each finding as it is found; the exit code says how bad the worst is."""
    directory = journal_directory(args.directory)
    progress = Progress(segment_sizes(directory))
    began = time.monotonic()
    findings: list[Finding] = []
    reports: list[SegmentReport] = []
    reading = progress.reading if progress.shows else None
    for step in verify(directory, decode=args.decode, reading=reading, jobs=args.jobs):
        if isinstance(step, SegmentReport):
            reports.append(step)
            continue
        findings.append(step)
        if not args.json:
            progress.clear()
            say(paint(str(step), GRAVITY_COLOURS[step.gravity]))
    progress.clear()
    writer = writer_of(directory)
    if args.json:
        say(msgspec.json.encode(as_object(directory, writer, reports, findings)).decode())
    else:
        say(_summary(reports, findings, time.monotonic() - began, writer))
    return code_for(findings)


def as_object(
    directory: str, writer: int | None, reports: Sequence[SegmentReport], findings: Sequence[Finding]
) -> dict[str, object]:
    """A journal's reports and findings, ready to be encoded; `writer` is the pid that writes, if any does."""
    return {
        "directory": directory,
        "gravity": worst(findings),
        "writer": writer,
        "segments": reports,
        "findings": [
            {**msgspec.structs.asdict(finding), "gravity": finding.gravity, "help": finding.help}
            for finding in findings
        ],
    }


def _summary(
    reports: Sequence[SegmentReport], findings: Sequence[Finding], seconds: float, writer: int | None
) -> str:
    records, metrics = sum(each.records for each in reports), sum(each.metrics for each in reports)
    used = rough_size(sum(each.used for each in reports))
    segments = "1 segment" if len(reports) == 1 else f"{len(reports):,} segments"
    read = f"{segments}, {records:,} records, {metrics:,} metrics, {used} in {seconds:.1f} s"
    beside = "" if writer is None else f"; process {writer} goes on writing"
    gravity = worst(findings)
    match gravity:
        case "note":
            return paint("sound", "green") + f": {read}{beside}"
        case "warning":
            return paint("flawed", "yellow") + f", nothing stops a start: {read}{beside}"
        case "corrupt":
            return paint("corrupt", "red") + f": {_loss(findings)}; {read}{beside}"


def _loss(findings: Sequence[Finding]) -> str:
    known = sum(end - first for first, end in (each.lost or (0, 0) for each in findings) if end is not None)
    unknown = any(each.lost is not None and each.lost[1] is None for each in findings)
    if unknown:
        return f"{known:,} offsets unreadable, and those at the end" if known else "unreadable at the end"
    return f"{known:,} offsets unreadable"
