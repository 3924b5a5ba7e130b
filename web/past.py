"""The state of the past as it goes over HTTP: see `web.ports.Past` for who hands it out."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from journal.metric import Nanoseconds, Offset
from journal.state import State


class StateReport(msgspec.Struct, frozen=True):
    """The `state` after every event before `offset`; the last of them was written at `time` (at the head of a
    segment, when that was begun; where it is the present state, when that was asked for). What may be asked
    for is `[first_offset, next_offset]`."""

    offset: Offset
    time: Nanoseconds
    journal_id: str
    first_offset: Offset
    next_offset: Offset
    state: State


class OutsideJournal(msgspec.Struct, frozen=True):
    """There is no such point in what is kept of the journal, which is `[first_offset, next_offset]`."""

    first_offset: Offset
    next_offset: Offset


class StateUnknown(msgspec.Struct, frozen=True):
    """A damage of the journal, which `detail` names, hides the state there."""

    detail: str


class StateBusy(msgspec.Struct, frozen=True):
    """Too many ask for states of the past at once."""


StateAnswer: TypeAlias = StateReport | OutsideJournal | StateUnknown | StateBusy
