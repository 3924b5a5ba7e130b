"""What changed between two points of a journal: the fields of the state that differ, and the events that
did it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

import msgspec

from journal.inspect.dump import Found, Reading, dump
from journal.inspect.lines import ControlLine
from journal.inspect.selection import CONTROL_KINDS, Bound, Selection
from journal.metric import Offset
from journal.state import State

_ABSENT: Final = object()
_CHANGING: Final = tuple(kind for kind in CONTROL_KINDS if kind != "snapshot")


class Difference(msgspec.Struct, frozen=True):
    """The field at `path` was `before` and is `after`; None where there was, or is, none."""

    path: tuple[str, ...]
    before: object
    after: object


def differences(before: State, after: State) -> list[Difference]:
    """Every field in which the two differ, down to those of each store, breaker, actor and dead letter."""
    return list(_differences((), before, after))


def _differences(path: tuple[str, ...], before: object, after: object) -> Iterator[Difference]:
    if before == after:
        return
    parts, others = _parts(before), _parts(after)
    if parts is None or others is None:
        yield Difference(path, None if before is _ABSENT else before, None if after is _ABSENT else after)
        return
    for name in parts | others:
        yield from _differences((*path, name), parts.get(name, _ABSENT), others.get(name, _ABSENT))


def _parts(value: object) -> dict[str, object] | None:
    match value:
        case msgspec.Struct():
            return {name: getattr(value, name) for name in value.__struct_fields__}
        case dict():
            return {str(name): each for name, each in cast(dict[Any, object], value).items()}
        case _:
            return None


def control_lines(
    directory: str, since: Offset, until: Offset, found: Found, reading: Reading | None = None
) -> Iterator[ControlLine]:
    """The control events that take offsets of `[since, until)`, in order, in constant memory; no snapshots,
    which repeat what was.

    `found` and `reading` are told as by `dump`, which says what is raised.
    """
    selection = Selection(Bound(offset=since), Bound(offset=until), _CHANGING)
    for lines in dump(directory, selection, found, reading):
        yield from (line for line in lines if isinstance(line, ControlLine))
