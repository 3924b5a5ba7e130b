"""`forebay journal stat`: what is in a journal, where its stores are, and how fast it grows."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from typing import Any

import msgspec

from journal.cli.arguments import add_directory, add_selection, count, selection_from
from journal.cli.shell import code_for
from journal.cli.stat_page import page
from journal.cli.terminal import Progress, say
from journal.inspect import Finding, journal_directory, segment_sizes
from journal.inspect.counting import Counts
from journal.inspect.frequent import Frequent
from journal.inspect.stat import Stat, stat

EPILOG = """\
examples:
  {prog}                           the journal in ./data
  {prog} /srv/forebay --from 1d    its last day
  {prog} --source node-7 --top 50  the metrics of node-7
  {prog} /srv/forebay/dead-letters
  {prog} --json | jq '.stores[] | [.name, .lag]'

Metrics, events, rate and growth are of the part asked for; stores, dead letters
and room on the disk are as of now. Names and sources are counted exactly up to
40,000 different ones each; beyond, the rarest are forgotten, and a count that
may be too low says >=. What cannot be read is told on stderr and not counted;
the exit code is then 3.
"""

_TOP = 10


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    add_directory(parser)
    add_selection(parser, limit=False)
    parser.add_argument(
        "--top", type=count, default=_TOP, metavar="N", help=f"names and sources shown (default: {_TOP})"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(args: Namespace) -> int:
    """Print what was counted; the exit code says whether all of it could be read."""
    now = time.time_ns()
    selection = selection_from(args, now)
    directory = journal_directory(args.directory)
    progress = Progress(segment_sizes(directory))
    findings: list[Finding] = []

    def found(finding: Finding) -> None:
        progress.clear()
        findings.append(finding)
        sys.stderr.write(f"{finding}\n")

    stats = stat(directory, selection, now, found=found, reading=progress.reading if progress.shows else None)
    progress.clear()
    if args.json:
        say(msgspec.json.encode(as_object(stats, args.top)).decode())
    else:
        for line in page(stats, args.top, now, sys.stdout.encoding):
            say(line)
    return code_for(findings)


def as_object(stats: Stat, top: int) -> dict[str, Any]:
    """What was counted, ready to be encoded; times in nanoseconds since the epoch, spans in nanoseconds."""
    counts, past = stats.counts, stats.past
    return {
        "directory": stats.directory,
        "journal_id": past and past.journal_id,
        "writer": stats.writer,
        "clean": past and past.state.clean,
        "segments": stats.segments,
        "allocated": stats.allocated,
        "used": counts.used,
        **_range(counts),
        "records": counts.records,
        "metrics": counts.metrics,
        "control_events": counts.events.total(),
        "bytes_per_metric": counts.used / counts.metrics if counts.metrics and not counts.narrowed else None,
        "kinds": dict(counts.kinds.most_common()),
        "events": dict(counts.events.most_common()),
        "names": _top_of(counts.names, top),
        "sources": _top_of(counts.sources, top),
        "accepted": counts.accepted.steps(1000),
        "stores": [{**msgspec.structs.asdict(store)} for store in stats.stores],
        "dead_letters": stats.letters,
        "dead_letter_counts": past and past.state.dead_letter_counts,
        "lost_metrics": past and past.state.lost_metrics,
        "disk": stats.disk,
    }


def _range(counts: Counts) -> dict[str, int | None]:
    return {
        "first_offset": counts.first_offset,
        "last_offset": counts.last_offset,
        "first_time": counts.first_time,
        "last_time": counts.last_time,
    }


def _top_of(frequent: Frequent, top: int) -> dict[str, Any]:
    shown = frequent.top(top)
    return {
        "different": frequent.different,
        "exact": not frequent.forgotten,
        "top": shown,
        "others": frequent.total - sum(share.count for share in shown),
    }
