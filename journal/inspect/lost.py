"""What a repair has left behind: offsets given up, and snapshots that do not know of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from journal.events import Event, OffsetsLost, offsets_of
from journal.framing import Record
from journal.inspect.findings import Finding
from journal.state import State


def given_up(segment: str, record: Record, events: Iterable[Event]) -> Iterator[Finding]:
    """What to tell of the losses that `events`, those of `record`, name."""
    for offset, event in offsets_of(events, record.base):
        if isinstance(event, OffsetsLost):
            lost = (offset, offset + event.count)
            yield Finding("lost", segment, record.position, offset, f"lost: {event.what}", lost)


def knows_as_much(snapshot: State, folded: State) -> bool:
    """Whether `snapshot` can be compared with `folded`, the fold of what is before it.

    A snapshot that was written before a repair does not know of the losses before it, nor does the fold
    know what else was in them.
    """
    return (snapshot.lost, snapshot.lost_metrics) == (folded.lost, folded.lost_metrics)
