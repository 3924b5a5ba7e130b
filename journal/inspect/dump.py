"""The metrics and control events of a journal, one line each, in order, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import zip_longest
from typing import Any, TypeAlias

import msgspec

from journal.events import MetricsAccepted, UnknownEventError, offsets_of
from journal.framing import Record, Rotten, SegmentHeader
from journal.inspect.findings import Finding
from journal.inspect.folder import SegmentFile, look
from journal.inspect.links import bad_header, belongs, own_id, read_headers
from journal.inspect.selection import Bound, Selection
from journal.inspect.walk import Damage, End, Step, walk
from journal.metric import AttributeValue, Nanoseconds, metric_time
from journal.segment import first_offset_of


class MetricLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A metric with its offset; `time` is its own or that of receipt, `accepted_at` that of receipt."""

    offset: int
    time: Nanoseconds
    accepted_at: Nanoseconds
    kind: str
    name: str
    value: float
    unit: str = ""
    source: str = ""
    session: str = ""
    attributes: dict[str, AttributeValue] = {}


class ControlLine(msgspec.Struct, frozen=True):
    """A control event with its offset; `kind` is its tag without the version, `event` its fields."""

    offset: int
    time: Nanoseconds
    kind: str
    event: dict[str, Any]


Line: TypeAlias = MetricLine | ControlLine


def dump(
    directory: str,
    selection: Selection,
    found: Callable[[Finding], None] | None = None,
    reading: Callable[[str, int], None] | None = None,
) -> Iterator[list[Line]]:
    """The lines that `selection` asks for, a list for each record that holds some; never an empty one.

    Goes on behind a damage and tells it to `found`, as what cannot be shown; `reading` is told which byte of
    which segment is being read. Ends where the journal ends now. Raises NoJournalError, OSError.
    """
    left = selection.limit
    if left == 0:
        return
    for name, record in _records(directory, selection, found or _ignore, reading):
        try:
            lines = _lines(record, selection)
        except UnknownEventError as error:
            lost = (error.offset, record.next_offset)
            (found or _ignore)(Finding("event", name, record.position, error.offset, error.detail, lost))
            continue
        if left is not None:
            lines = lines[:left]
            left -= len(lines)
        if lines:
            yield lines
        if left == 0:
            return


def _ignore(_: Finding) -> None:
    pass


def _records(
    directory: str,
    selection: Selection,
    found: Callable[[Finding], None],
    reading: Callable[[str, int], None] | None,
) -> Iterator[tuple[str, Record]]:
    """The records that may hold something of the selection, with their segments' names."""
    folder = look(directory)
    headers = read_headers(folder)
    own = own_id([header for header in headers.values() if not isinstance(header, str)])
    for name, following in _wanted(headers, selection):
        header = headers[name]
        if isinstance(header, str):
            found(bad_header(folder, name, header))
            continue
        odd = belongs(name, header, own)
        if odd is not None:
            found(odd)
            continue
        try:
            with SegmentFile(directory, name, reading and partial(reading, name)) as file:
                for step in walk(file, header, newest=following is None):
                    finding = _trouble(name, step, following)
                    if finding is not None and file.gone():
                        raise FileNotFoundError(file.path)
                    if finding is not None:
                        found(finding)
                    if isinstance(step, Record) and _overlaps(step, selection):
                        yield name, step
                    if isinstance(step, Record) and _is_behind(step, selection.until):
                        return
        except FileNotFoundError:
            found(Finding("retired", name, 0, first_offset_of(name), "taken by retention meanwhile"))


def _wanted(
    headers: dict[str, SegmentHeader | str], selection: Selection
) -> Iterator[tuple[str, int | None]]:
    """The segments that may hold something of the selection, each with the offset where the next begins."""
    since, until = selection.since, selection.until
    names = list(headers)
    for name, following in zip_longest(names, names[1:]):
        header, ahead = headers[name], headers[following] if following else None
        begins, ends = first_offset_of(name) or 0, first_offset_of(following) if following else None
        if until.offset is not None and begins >= until.offset:
            return
        if until.time is not None and not isinstance(header, str) and header.created_at >= until.time:
            return
        if since.offset is not None and ends is not None and ends <= since.offset:
            continue
        if since.time is not None and isinstance(ahead, SegmentHeader) and ahead.created_at < since.time:
            continue
        yield name, ends


def _trouble(name: str, step: Step, following: int | None) -> Finding | None:
    match step:
        case Damage():
            return step.finding(name)
        case End() if following is not None:
            return step.too_early(name, following)
        case End(place=place, ending=Rotten(reason=reason)):
            return Finding(
                "record", name, place.position, place.next_offset, reason, (place.next_offset, None)
            )
        case _:
            return None


def _overlaps(record: Record, selection: Selection) -> bool:
    since, until = selection.since, selection.until
    return (
        (since.offset is None or record.next_offset > since.offset)
        and (until.offset is None or record.base < until.offset)
        and (since.time is None or record.time >= since.time)
        and (until.time is None or record.time < until.time)
    )


def _is_behind(record: Record, until: Bound) -> bool:
    # By offset only: a clock may have been set back.
    return until.offset is not None and record.next_offset >= until.offset


def _lines(record: Record, selection: Selection) -> list[Line]:
    lines: list[Line] = []
    test = selection.metric_test()
    begin = selection.since.offset or 0
    end = record.next_offset if selection.until.offset is None else selection.until.offset
    time = record.time
    for offset, event in offsets_of(record.events(), record.base):
        if isinstance(event, MetricsAccepted):
            lines += [
                MetricLine(
                    at,
                    metric_time(metric, time),
                    time,
                    metric.kind,
                    metric.name,
                    metric.value,
                    metric.unit,
                    metric.source,
                    metric.session,
                    metric.attributes,
                )
                for at, metric in enumerate(event.metrics, offset)
                if begin <= at < end and (test is None or test(metric))
            ]
        elif begin <= offset < end:
            tag = str(type(event).__struct_config__.tag).partition("/")[0]
            if selection.wants_control(tag):
                fields: dict[str, Any] = msgspec.to_builtins(event)
                del fields["type"]
                lines.append(ControlLine(offset, time, tag, fields))
    return lines
