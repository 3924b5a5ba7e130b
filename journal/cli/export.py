"""`forebay journal export`: metrics as a file, for people with notebooks."""

from __future__ import annotations

import gzip
import os
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Generator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

import msgspec

from journal.cli.arguments import add_directory, add_selection, selection_from
from journal.cli.exits import FAILED
from journal.cli.shell import code_for
from journal.cli.terminal import Progress, rough_size, say
from journal.export import (
    CannotWriteError,
    Exported,
    FileInTheWayError,
    NdjsonSink,
    NoParquetError,
    ParquetSink,
    Sink,
    export,
    identity,
    whole_file,
)
from journal.inspect import CONTROL_KINDS, Finding, Selection, journal_directory, segment_sizes

EPILOG = """\
examples:
  {prog} metrics.parquet          all that is in ./data
  {prog} /srv/forebay today.parquet --from 1d --name 'gpu.*'
  {prog} /srv/forebay all.ndjson.gz
  {prog} /srv/forebay - --from 15m | jq .value

then:
  pandas.read_parquet("metrics.parquet")
  duckdb -c "select name, avg(value) from 'metrics.parquet' group by name"

Parquet has the columns of the table `metrics`: journal_id, offset, name,
value, time, kind, unit, source, session, attributes (JSON text), accepted_at;
times are timestamps of nanoseconds, in UTC. JSON lines are those of
`dump --json`. Control events are left out.

The file gets its name when it is whole; until then it is OUT.part-PID. What
cannot be read is told on stderr and left out; the exit code is then 3.
"""

_FORMATS: Final = {".parquet": "parquet", ".ndjson": "ndjson", ".jsonl": "ndjson"}
_GZIPPED: Final = ".gz"


def add(parser: ArgumentParser) -> None:
    """The command's flags."""
    parser.set_defaults(prog=parser.prog)
    add_directory(parser)
    parser.add_argument(
        "out",
        metavar="OUT",
        help="*.parquet, *.ndjson or *.jsonl, the last two also with .gz; - prints JSON lines",
    )
    parser.add_argument("--format", choices=("parquet", "ndjson"), help="where OUT does not say it")
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")
    add_selection(parser)
    parser.add_argument("--json", action="store_true", help="print what was done as a JSON object")


def run(args: Namespace) -> int:
    """Write the file, and say in one line what is in it."""
    selection = _of_metrics(selection_from(args, time.time_ns()))
    form = _format(args.out, args.format)
    directory = journal_directory(args.directory)
    progress = Progress(segment_sizes(directory))
    findings: list[Finding] = []

    def found(finding: Finding) -> None:
        findings.append(finding)
        progress.clear()
        sys.stderr.write(f"{finding}\n")

    began = time.monotonic()
    try:
        with _opened(args.out, force=args.force) as out:
            sink = _sink(form, out, directory, args)
            reading = progress.reading if progress.shows and args.out != "-" else None
            done = export(directory, selection, sink, found, reading)
    except (FileInTheWayError, NoParquetError) as error:
        raise ArgumentTypeError(str(error)) from error
    except CannotWriteError as error:
        sys.stderr.write(f"{args.prog}: {error}\n")
        return FAILED
    finally:
        progress.clear()
    _summary(args, form, done, findings, time.monotonic() - began)
    return code_for(findings)


def _of_metrics(selection: Selection) -> Selection:
    for kind in selection.kinds:
        if kind in CONTROL_KINDS:
            raise ArgumentTypeError(
                f"argument --kind: {kind!r} is no kind of metric, and nothing else is exported; "
                f"`dump --kind {kind} --json` shows these events"
            )
    return selection


def _format(out: str, asked: str | None) -> str:
    """The format of `out`. Raises ArgumentTypeError where nothing tells it, or it cannot be."""
    if out == "-":
        if asked == "parquet":
            raise ArgumentTypeError("argument --format: Parquet cannot be written to a pipe; name a file")
        return "ndjson"
    zipped = out.endswith(_GZIPPED)
    extension = os.path.splitext(out.removesuffix(_GZIPPED))[1]
    form = asked or _FORMATS.get(extension)
    if form is None:
        known = ", ".join(_FORMATS)
        raise ArgumentTypeError(f"argument OUT: {out!r} ends with none of {known}: add --format")
    if form == "parquet" and zipped:
        raise ArgumentTypeError(f"argument OUT: {out!r}: Parquet is compressed already; leave out {_GZIPPED}")
    return form


@contextmanager
def _opened(path: str, *, force: bool) -> Generator[BinaryIO]:
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with whole_file(path, force=force) as file:
        if not path.endswith(_GZIPPED):
            yield file
            return
        with gzip.GzipFile("", "wb", compresslevel=3, fileobj=file, mtime=0) as zipped:
            yield cast(BinaryIO, zipped)


def _sink(form: str, out: BinaryIO, directory: str, args: Namespace) -> Sink:
    if form == "ndjson":
        return NdjsonSink(out)
    asked = {"from": [args.since], "until": [args.until], "kind": args.kind, "name": args.name}
    asked["source"] = args.source
    told = {name: ",".join(words) for name, words in asked.items() if any(words)}
    return ParquetSink(out, identity(directory), told)


def _summary(args: Namespace, form: str, done: Exported, findings: list[Finding], seconds: float) -> None:
    """The last line; beside JSON lines on stdout it goes to stderr."""
    size = None if args.out == "-" else os.path.getsize(args.out)
    if args.json:
        said = {
            "path": args.out,
            "format": form,
            **msgspec.structs.asdict(done),
            "bytes": size,
            "seconds": round(seconds, 3),
            "findings": findings,
        }
        line = msgspec.json.encode(said).decode()
    else:
        rows = "1 metric" if done.rows == 1 else f"{done.rows:,} metrics"
        offsets = "" if done.first_offset is None else f" (offsets {done.first_offset} to {done.last_offset})"
        written = "" if size is None else f" as {rough_size(size)}"
        rate = f", {done.rows / seconds:,.0f}/s" if done.rows and seconds > 1 else ""
        line = f"{args.out}: {rows}{offsets}{written} in {seconds:.1f} s{rate}"
    if args.out == "-":
        sys.stderr.write(line + "\n")
    else:
        say(line)
