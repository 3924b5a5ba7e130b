"""Reads one segment to its end: what it holds, and what is wrong in it. Knows of no other segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from journal.framing import SegmentHeader, Torn
from journal.inspect.findings import Finding, worst
from journal.inspect.folder import SegmentFile, writer_of
from journal.inspect.folding import Reading
from journal.inspect.walk import Damage, End, walk
from journal.metric import Nanoseconds, Offset
from journal.state import State

Health: TypeAlias = Literal["sound", "torn", "flawed", "corrupt"]
"""*torn* is healed by the next start; *flawed* has a finding that stops none."""


class SegmentReport(msgspec.Struct, frozen=True):
    """A segment as it was read: offsets and times inclusive, None where nothing could be read."""

    name: str
    journal_id: UUID | None
    first_offset: Offset
    last_offset: Offset | None
    first_time: Nanoseconds | None
    last_time: Nanoseconds | None
    records: int
    metrics: int
    used: int
    size: int
    state: Literal["active", "sealed"]
    health: Health


class Whole(msgspec.Struct, frozen=True):
    """A segment that has been read: its report, what is wrong in it, where it ends.

    It begins with the snapshot `snapshot` and folds to `folded` up to offset `ends_at`; None: not known.
    """

    report: SegmentReport
    findings: list[Finding]
    end: End | None
    snapshot: State | None
    folded: State | None
    ends_at: int


class ToRead(msgspec.Struct, frozen=True):
    """A segment that is to be read; the next one begins at offset `until`, None where it is the newest."""

    directory: str
    name: str
    header: SegmentHeader
    until: int | None
    decode: bool


def read_whole(asked: ToRead, reading: Callable[[str, int], None] | None = None) -> Whole | None:
    """The segment as it was read; None where retention has taken it. Raises OSError where it does not open.

    `reading` is told its name and which byte is being read.
    """
    try:
        return _read(asked, reading)
    except FileNotFoundError:
        return None


def _read(asked: ToRead, told: Callable[[str, int], None] | None) -> Whole:
    name, newest = asked.name, asked.until is None
    at = 0

    def reading_at(byte: int) -> None:
        nonlocal at
        at = byte
        if told is not None:
            told(name, byte)

    reading = Reading(name, asked.header, decode=asked.decode)
    end: End | None = None
    with SegmentFile(asked.directory, name, reading_at) as file:
        try:
            for step in walk(file, asked.header, newest=newest, skimmed=reading.skimmed):
                match step:
                    case Damage():
                        reading.damage(step)
                    case End():
                        end = step
                    case _:
                        reading.record(step)
        except OSError as error:
            reading.unreadable(error, at, asked.until)
        if end is not None:
            torn = isinstance(end.ending, Torn)
            reading.end(end, newest=newest, written=torn and writer_of(asked.directory) is not None)
        size = file.size
        if file.gone():
            raise FileNotFoundError(file.path)
    report = SegmentReport(
        name,
        asked.header.journal_id,
        asked.header.first_offset,
        Offset(reading.next_offset - 1) if reading.records else None,
        reading.first_time,
        reading.last_time,
        reading.records,
        reading.metrics,
        reading.used,
        size,
        "active" if newest else "sealed",
        health(reading.findings),
    )
    return Whole(report, reading.findings, end, reading.snapshot, reading.state, reading.next_offset)


def health(findings: Sequence[Finding]) -> Health:
    """How a segment is that has these findings."""
    match worst(findings):
        case "corrupt":
            return "corrupt"
        case "warning":
            return "torn" if any(finding.condition == "torn" for finding in findings) else "flawed"
        case "note":
            return "sound"
