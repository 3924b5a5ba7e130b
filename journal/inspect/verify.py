"""Is every byte of a journal what it should be? Reads everything, changes nothing, waits for nobody.

A journal that is being written to is read as it is: the newest segment up to where it ends now; a segment
that retention takes meanwhile is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from journal.framing import SegmentHeader, Torn
from journal.inspect.findings import Finding, worst
from journal.inspect.folder import Folder, SegmentFile, evidence_byte, look, writer_of
from journal.inspect.folding import Reading
from journal.inspect.links import Link, bad_header, belongs, check_links, extent, own_id, read_headers
from journal.inspect.walk import Damage, End, walk
from journal.metric import Nanoseconds, Offset
from journal.segment import first_offset_of
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


def verify(
    directory: str, *, decode: bool = False, reading: Callable[[str, int], None] | None = None
) -> Iterator[SegmentReport | Finding]:
    """A report of each segment of the journal in `directory`, oldest first, each behind its findings; then
    what is wrong between segments.

    With `decode` every metric is decoded too. `reading` is told which byte of which segment is being read.
    Raises NoJournalError, OSError.
    """
    folder = look(directory)
    yield from _around(folder)
    yield from _Verification(folder, decode, reading).run(folder.segments)


def verify_newest(directory: str) -> list[Finding]:
    """What recovery would meet: headers of all segments, how they follow one another, all of the newest.

    Raises NoJournalError, OSError. Takes as long as a start does, however old the journal is.
    """
    folder = look(directory)
    steps = _Verification(folder, False, None).run(folder.segments[-1:])
    return [step for step in steps if isinstance(step, Finding)]


def _around(folder: Folder) -> Iterator[Finding]:
    for name in folder.strays:
        yield Finding("stray", name, 0, None, "neither a segment nor anything else of a journal")
    for name in folder.evidence:
        byte = evidence_byte(name)
        what = f"holds a torn tail that a start cut off at byte {byte} of its segment"
        yield Finding("evidence", name, 0, first_offset_of(name.partition(".")[0] + ".segment"), what)


class _Verification:
    """One pass over a journal."""

    def __init__(self, folder: Folder, decode: bool, reading: Callable[[str, int], None] | None) -> None:
        self._folder = folder
        self._decode = decode
        self._reading = reading
        self._folded: State | None = None
        """The fold up to where the last segment ended, where it is known."""
        self._ends_at = 0

    def run(self, to_read: Sequence[str]) -> Iterator[SegmentReport | Finding]:
        headers = read_headers(self._folder)
        own = own_id([header for header in headers.values() if not isinstance(header, str)])
        links: list[Link] = []
        for name, header in headers.items():
            try:
                if isinstance(header, str):
                    yield bad_header(self._folder, name, header)
                    yield self._unread(name, None)
                    links.append(Link(name, None))
                elif (odd := belongs(name, header, own)) is not None:
                    yield odd
                    yield self._unread(name, header.journal_id)
                elif name in to_read:
                    report, findings, end = self._segment(name, header)
                    yield from findings
                    yield report
                    links.append(Link(name, header, end))
                else:
                    links.append(Link(name, header))
            except FileNotFoundError:
                # Retention took it, and all before it.
                links.clear()
        begins_at = links[0].first_offset if self._folded is None and links else 0
        retired_before = begins_at if self._folded is None else self._folded.retired_before
        yield from check_links(links, retired_before)

    def _unread(self, name: str, journal_id: UUID | None) -> SegmentReport:
        with SegmentFile(self._folder.path, name) as file:
            size = file.size
        first = first_offset_of(name) or Offset(0)
        return SegmentReport(
            name, journal_id, first, None, None, None, 0, 0, 0, size, self._state(name), "corrupt"
        )

    def _state(self, name: str) -> Literal["active", "sealed"]:
        return "active" if name == self._folder.segments[-1] else "sealed"

    def _segment(self, name: str, header: SegmentHeader) -> tuple[SegmentReport, list[Finding], End | None]:
        """Read a segment to its end. Raises FileNotFoundError where retention took it."""
        newest, told = self._state(name) == "active", self._reading
        at = 0

        def reading_at(byte: int) -> None:
            nonlocal at
            at = byte
            if told is not None:
                told(name, byte)

        expected = self._folded if self._ends_at == header.first_offset else None
        reading = Reading(name, header, expected, decode=self._decode)
        end: End | None = None
        with SegmentFile(self._folder.path, name, reading_at) as file:
            try:
                for step in walk(file, header, newest=newest, skimmed=reading.skimmed):
                    match step:
                        case Damage():
                            reading.damage(step)
                        case End():
                            end = step
                        case _:
                            reading.record(step)
            except OSError as error:
                reading.unreadable(error, at, extent(self._folder, name)[1])
            if end is not None:
                torn = isinstance(end.ending, Torn)
                reading.end(end, newest=newest, written=torn and writer_of(self._folder.path) is not None)
            size = file.size
            if file.gone():
                raise FileNotFoundError(file.path)
        self._folded, self._ends_at = reading.state, reading.next_offset
        return self._report(reading, name, header, size), reading.findings, end

    def _report(self, reading: Reading, name: str, header: SegmentHeader, size: int) -> SegmentReport:
        return SegmentReport(
            name,
            header.journal_id,
            header.first_offset,
            Offset(reading.next_offset - 1) if reading.records else None,
            reading.first_time,
            reading.last_time,
            reading.records,
            reading.metrics,
            reading.used,
            size,
            self._state(name),
            _health(reading.findings),
        )


def _health(findings: Sequence[Finding]) -> Health:
    match worst(findings):
        case "corrupt":
            return "corrupt"
        case "warning":
            return "torn" if any(finding.condition == "torn" for finding in findings) else "flawed"
        case "note":
            return "sound"
