"""The metrics of a part of a journal, handed to a sink in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import msgspec
from msgspec.structs import replace

from journal.inspect import ControlLine, Finding, MetricLine, Selection
from journal.inspect.dump import dump_rows
from journal.inspect.folder import look
from journal.inspect.lines import Row
from journal.inspect.links import own_id, read_headers

Measured: TypeAlias = MetricLine | Row


class Sink(Protocol):
    """Where rows go."""

    def write(self, rows: Sequence[Measured]) -> None:
        """Take further rows, at least one. Raises CannotWriteError."""
        ...

    def finish(self, exported: Exported) -> None:
        """Write what is still held back; there are no more rows. Raises CannotWriteError."""
        ...

    def give_up(self) -> None:
        """Write nothing more, now or when it is let go of: something went wrong, and the file is no use."""
        ...


class Exported(msgspec.Struct, frozen=True):
    """How many rows went out, and the offsets of the first and the last; None where there was none."""

    rows: int = 0
    first_offset: int | None = None
    last_offset: int | None = None


def identity(directory: str) -> str:
    """The id of the journal in `directory`; "" where no segment has a header that says it.

    Raises NoJournalError, OSError.
    """
    headers = read_headers(look(directory)).values()
    return str(own_id([header for header in headers if not isinstance(header, str)]) or "")


def export(
    directory: str,
    selection: Selection,
    sink: Sink,
    found: Callable[[Finding], None],
    reading: Callable[[str, int], None] | None = None,
) -> Exported:
    """Hand the metrics that `selection` asks for to `sink`, at most its limit, and finish it.

    What cannot be read is told to `found` and left out; `reading` is told how far it has come. Memory is
    bounded by the largest record. Raises NoJournalError, CannotWriteError, OSError.
    """
    try:
        done = _handed(directory, selection, sink, found, reading)
        sink.finish(done)
    except BaseException:
        sink.give_up()
        raise
    return done


def _handed(
    directory: str,
    selection: Selection,
    sink: Sink,
    found: Callable[[Finding], None],
    reading: Callable[[str, int], None] | None,
) -> Exported:
    done = Exported()
    limit = selection.limit
    if limit != 0:
        # The limit is of metrics: control events, which are left out here, must not use it up.
        for rows in dump_rows(directory, replace(selection, limit=None), found, reading):
            metrics = [row for row in rows if not isinstance(row, ControlLine)]
            if limit is not None:
                metrics = metrics[: limit - done.rows]
            if metrics:
                sink.write(metrics)
                first = metrics[0].offset if done.first_offset is None else done.first_offset
                done = Exported(done.rows + len(metrics), first, metrics[-1].offset)
            if done.rows == limit:
                break
    return done
