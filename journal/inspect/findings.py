"""What is wrong with a journal, where, and what helps.

Three gravities, and the exit code of `verify` is the worst: a *note* is worth knowing and nothing is wrong
(0), a *warning* does not stop a start (1), *corrupt* means that something acknowledged cannot be read, or
that a start refuses (3). Evidence of a torn tail is a note: it is what a crash rightly leaves, and would
otherwise make a sound journal look bad until somebody deletes it. A stray file is a warning: Forebay never
reads it, but somebody may think that it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

Gravity: TypeAlias = Literal["note", "warning", "corrupt"]

Condition: TypeAlias = Literal[
    "header",  # a segment's header is damaged or cut short
    "misnamed",  # a segment's header says another first offset than its name: renamed, copied or swapped
    "foreign",  # a segment of another journal
    "missing",  # a segment is not there
    "record",  # a record is damaged
    "order",  # a whole record that does not follow the one before it
    "short",  # a segment ends before the next one begins
    "chain",  # the next segment's header does not continue the chain
    "unreadable",  # the disk does not give the bytes
    "event",  # a whole record whose events this version cannot read
    "fold",  # a snapshot that differs from the fold of what is before it
    "torn",  # the last write was not finished
    "debris",  # bytes behind the last record of a sealed segment
    "stray",  # a file that is no part of a journal
    "retired",  # retention took the segment while it was being read
    "evidence",  # the remains of a torn tail, put aside by a start
    "lost",  # offsets that a repair gave up
]

_REPAIR = "`forebay journal repair` salvages every readable record"
_GRAVITY: dict[Condition, Gravity] = {
    "fold": "warning",
    "torn": "warning",
    "debris": "warning",
    "stray": "warning",
    "retired": "note",
    "evidence": "note",
    "lost": "note",
}
_HELP: dict[Condition, str] = {
    "foreign": "move it away, then `forebay journal verify` again; " + _REPAIR,
    "missing": "bring it back from a copy; " + _REPAIR + " and names the loss",
    "unreadable": "look at the disk and the system's log; " + _REPAIR,
    "event": "written by another version of Forebay: run that version, see `forebay --version`",
    "fold": "`forebay audit` counts anew; nothing is lost",
    "torn": "never acknowledged: `forebay run` cuts it off and keeps the bytes beside it",
    "debris": "every record is there; " + _REPAIR,
    "stray": "no part of the journal: move it away",
    "retired": "every store has what was in it",
    "evidence": "delete it when it has been looked at",
    "lost": "given up by a repair; the originals are in quarantine/",
}


class Finding(msgspec.Struct, frozen=True):
    """One thing about a journal: which file, at which byte and offset, what, and what helps.

    `lost` are the offsets `[first, end)` that cannot be read because of it; `end` is None where nothing
    tells how far they go.
    """

    condition: Condition
    segment: str
    byte: int
    offset: int | None
    what: str
    lost: tuple[int, int | None] | None = None

    @property
    def gravity(self) -> Gravity:
        """How bad it is."""
        return _GRAVITY.get(self.condition, "corrupt")

    @property
    def help(self) -> str:
        """What to do, with the command that does it."""
        return _HELP.get(self.condition, _REPAIR)

    def __str__(self) -> str:
        where = f"byte {self.byte}" if self.offset is None else f"byte {self.byte}, offset {self.offset}"
        return f"{self.segment}: {where}: {self.what}{_said_lost(self.lost)}; {self.help}"


def _said_lost(lost: tuple[int, int | None] | None) -> str:
    match lost:
        case None:
            return ""
        case (first, None):
            return f", unreadable from offset {first} on"
        case (first, end) if end - first == 1:
            return f", offset {first} unreadable"
        case (first, end):
            return f", offsets {first} to {end - 1} unreadable"


def worst(findings: Iterable[Finding]) -> Gravity:
    """The gravest of `findings`; a note where there is none."""
    gravities = {finding.gravity for finding in findings}
    return "corrupt" if "corrupt" in gravities else "warning" if "warning" in gravities else "note"
