"""Is every byte of a journal what it should be? Reads everything, changes nothing, waits for nobody.

A journal that is being written to is read as it is: the newest segment up to where it ends now; a segment
that retention takes meanwhile is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Final, Literal
from uuid import UUID

from msgspec.structs import fields, replace

from journal.framing import SEGMENT_HEADER_SIZE, SegmentHeader
from journal.inspect.findings import Finding
from journal.inspect.folder import Folder, SegmentFile, evidence_byte, look, segment_sizes
from journal.inspect.links import Link, bad_header, belongs, check_links, extent, own_id, read_headers
from journal.inspect.lost import knows_as_much
from journal.inspect.parallel import in_order
from journal.inspect.whole import SegmentReport, ToRead, Whole, health, read_whole
from journal.metric import Offset
from journal.segment import first_offset_of
from journal.state import State

_WORTH_A_PROCESS: Final = 16 * 1024 * 1024
"""Bytes: fewer are read before another process has begun."""


def verify(
    directory: str,
    *,
    decode: bool = False,
    reading: Callable[[str, int], None] | None = None,
    jobs: int = 1,
) -> Iterator[SegmentReport | Finding]:
    """A report of each segment of the journal in `directory`, oldest first, each behind its findings; then
    what is wrong between segments.

    With `decode` every metric is decoded, and not only every event. `reading` is told which byte of which
    segment is being read. Up to `jobs` processes read a segment each, where there is enough to read: this one
    must have no threads then. Raises NoJournalError, OSError.
    """
    folder = look(directory)
    yield from _around(folder)
    enough = sum(segment_sizes(directory).values()) // _WORTH_A_PROCESS
    yield from _Verification(folder, decode, reading, min(jobs, enough)).run(folder.segments)


def verify_newest(directory: str) -> list[Finding]:
    """What recovery would meet: headers of all segments, how they follow one another, all of the newest.

    Raises NoJournalError, OSError. Takes as long as a start does, however old the journal is.
    """
    folder = look(directory)
    steps = _Verification(folder, False, None, 1).run(folder.segments[-1:])
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

    def __init__(
        self, folder: Folder, decode: bool, reading: Callable[[str, int], None] | None, jobs: int
    ) -> None:
        self._folder = folder
        self._decode = decode
        self._reading = reading
        self._jobs = jobs
        self._folded: State | None = None
        """The fold up to where the last segment ended, where it is known."""
        self._ends_at = 0

    def run(self, to_read: Sequence[str]) -> Iterator[SegmentReport | Finding]:
        headers = read_headers(self._folder)
        own = own_id([header for header in headers.values() if not isinstance(header, str)])
        sound = {
            name: header
            for name, header in headers.items()
            if not isinstance(header, str) and belongs(name, header, own) is None
        }
        with closing(self._read([(name, sound[name]) for name in to_read if name in sound])) as wholes:
            yield from self._joined(headers, own, to_read, wholes)

    def _joined(
        self,
        headers: dict[str, SegmentHeader | str],
        own: UUID | None,
        to_read: Sequence[str],
        wholes: Iterator[Whole | None],
    ) -> Iterator[SegmentReport | Finding]:
        """What each segment has, and what is wrong between them; `wholes` are those that can be read."""
        links: list[Link] = []
        taken = len(headers) < len(self._folder.segments)
        for name, header in headers.items():
            try:
                if isinstance(header, str):
                    yield bad_header(self._folder, name, header)
                    yield self._unread(name, header)
                    links.append(Link(name, None))
                elif (odd := belongs(name, header, own)) is not None:
                    yield odd
                    yield self._unread(name, header)
                elif name in to_read:
                    whole = next(wholes)
                    if whole is None:
                        raise FileNotFoundError(name)
                    yield from self._checked(whole)
                    links.append(Link(name, header, whole.end))
                else:
                    links.append(Link(name, header))
            except FileNotFoundError:
                # Retention took it, and all before it.
                links.clear()
                taken = True
        # What says that they were taken may stand in a segment that was begun since, and is not read here.
        begins_at = links[0].first_offset if links and (taken or self._folded is None) else 0
        retired_before = max(begins_at, 0 if self._folded is None else self._folded.retired_before)
        yield from check_links(links, retired_before)

    def _read(self, segments: Sequence[tuple[str, SegmentHeader]]) -> Generator[Whole | None]:
        asked = [
            ToRead(self._folder.path, name, header, extent(self._folder, name)[1], self._decode)
            for name, header in segments
        ]
        if self._jobs < 2:
            yield from map(partial(read_whole, reading=self._reading), asked)
            return
        with closing(in_order(read_whole, asked, self._jobs)) as wholes:
            for whole in wholes:
                if whole is not None and self._reading is not None:
                    self._reading(whole.report.name, whole.report.size)
                yield whole

    def _checked(self, whole: Whole) -> Iterator[SegmentReport | Finding]:
        """The segment's findings and report, its snapshot compared with the fold of what is before it."""
        report, findings = whole.report, whole.findings
        before = self._folded if self._ends_at == report.first_offset else None
        if before is not None and whole.snapshot is not None and _differs(whole.snapshot, before):
            differing = _differing(whole.snapshot, before)
            what = f"the snapshot differs in {differing} from the fold of the segments before"
            begin = report.first_offset
            findings = [Finding("fold", report.name, SEGMENT_HEADER_SIZE, begin, what), *findings]
            report = replace(report, health=health(findings))
        yield from findings
        yield report
        self._folded, self._ends_at = whole.folded, whole.ends_at

    def _unread(self, name: str, header: SegmentHeader | str) -> SegmentReport:
        with SegmentFile(self._folder.path, name) as file:
            size = file.size
        first = first_offset_of(name) or Offset(0)
        journal_id = None if isinstance(header, str) else header.journal_id
        state: Literal["active", "sealed"] = "active" if name == self._folder.segments[-1] else "sealed"
        return SegmentReport(name, journal_id, first, None, None, None, 0, 0, 0, size, state, "corrupt")


def _differing(one: State, other: State) -> str:
    names = [field.name for field in fields(State)]
    return ", ".join(name for name in names if getattr(one, name) != getattr(other, name))


def _differs(snapshot: State, folded: State) -> bool:
    return snapshot != folded and knows_as_much(snapshot, folded)
