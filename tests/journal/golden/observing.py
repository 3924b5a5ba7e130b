"""What today's code reads in a golden journal: what is compared with `expected.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from journal.disk import OsFileSystem
from journal.events import width
from journal.inspect import Finding, verify
from journal.metric import Offset
from journal.reader import reading, segment_offsets
from journal.recovery import recover
from journal.replay import evolve, fold
from journal.segment import JournalCorruptError
from journal.state import State
from tests.journal.driving import tool

NOW = 1_800_000_000_000_000_000
EVERY = 7
"""The state is looked at before each so many offsets, and at the end."""


def dumped(path: Path) -> bytes:
    """What `forebay journal dump --json` prints."""
    return tool("dump", str(path), "--json").out


def verified(path: Path) -> dict[str, Any]:
    """The reports and findings of `verify`: facts only, since the words may become better ones."""
    steps = list(verify(str(path), decode=True))
    facts = ("condition", "gravity", "segment", "byte", "offset", "lost")
    return plain(
        {
            "segments": [step for step in steps if not isinstance(step, Finding)],
            "findings": [
                {fact: getattr(step, fact) for fact in facts} for step in steps if isinstance(step, Finding)
            ],
        }
    )


async def folded(path: Path) -> dict[str, Any]:
    """The state before every seventh offset and at the end, and where reading ends."""
    states: list[dict[str, Any]] = []
    begin = segment_offsets(str(path))[0]
    state, at = State(), begin
    stopped: dict[str, Any] | None = None
    async with reading(str(path), begin) as reader:
        try:
            while records := await reader.read(1):
                for record in records:
                    whole = fold(state, [record])
                    for event in record.events():
                        state = evolve(state, event, record.time, at)
                        before, at = at, Offset(at + width(event))
                        if before // EVERY != at // EVERY:
                            states.append({"offset": at, "state": state})
                    assert whole == state
        except JournalCorruptError as error:
            stopped = {"segment": error.segment, "byte": error.byte, "offset": error.offset}
    return plain({"states": states, "end": {"offset": at, "state": state}, "stopped": stopped})


def recovered(path: Path) -> dict[str, Any]:
    """Where a start would go on, or why it refuses. Changes what is in `path`."""
    try:
        found = recover(OsFileSystem(), str(path), NOW, 65536)
    except JournalCorruptError as error:
        return {"refused": {"segment": error.segment, "byte": error.byte, "offset": error.offset}}
    position, next_offset, chain = found.place
    return plain(
        {
            "journal_id": found.header.journal_id,
            "position": position,
            "next_offset": next_offset,
            "chain": chain,
            "segments": [segment.name for segment in found.segments],
            "torn": found.torn and {"position": found.torn.position, "end": found.torn.end},
            "evidence": found.evidence,
            "state": found.state,
        }
    )


def plain(value: Any) -> Any:
    """`value` as JSON gives it back."""
    return msgspec.json.decode(msgspec.json.encode(value))
