"""What differs between a journal and a store: how much of it, where, and what each of the two has there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from actors.stores.base import Row
from journal.metric import Metric, Offset

MAX_RANGES: Final = 100
"""Differing ranges that are told one by one; the rest is counted."""

_SHOWN: Final = 60
"""Characters of a value that are told."""

_encode = msgspec.msgpack.Encoder().encode
_value = msgspec.json.Encoder(order="sorted").encode


class Range(msgspec.Struct, frozen=True):
    """The offsets from `first` to `last`, both included."""

    first: Offset
    last: Offset


class Differing(msgspec.Struct, frozen=True):
    """Offsets that differ: how many, and the first MAX_RANGES runs of them."""

    count: int = 0
    ranges: tuple[Range, ...] = ()

    def plus(self, offsets: Sequence[int]) -> Differing:
        """These, and `offsets`, which are ascending and behind them."""
        if not offsets:
            return self
        ranges = list(self.ranges)
        for offset in offsets:
            if ranges and offset <= ranges[-1].last:
                continue
            if ranges and ranges[-1].last + 1 == offset:
                ranges[-1] = Range(ranges[-1].first, Offset(offset))
            elif len(ranges) < MAX_RANGES:
                ranges.append(Range(Offset(offset), Offset(offset)))
            else:
                break
        return Differing(self.count + len(offsets), tuple(ranges))


class FieldDifference(msgspec.Struct, frozen=True):
    """What the journal and the store have of one field, as JSON, shortened where it is long."""

    field: str
    journal: str
    store: str


class Difference(msgspec.Struct, frozen=True):
    """A row that is not field by field what the journal has."""

    offset: Offset
    fields: tuple[FieldDifference, ...]


def same(expected: Sequence[Row], held: Sequence[Row]) -> bool:
    """Whether all of `held` are surely the `expected` rows; where not, `differences` has the word."""
    # To Python 1 is 1.0 and True, which attributes are not to be taken for: as bytes they differ.
    return expected == held and _encode([row.metric.attributes for row in expected]) == _encode(
        [row.metric.attributes for row in held]
    )


def differences(expected: Row, held: Row) -> tuple[FieldDifference, ...]:
    """The fields in which `held`, as a store gave it, is not the `expected` row. A zero has no sign: not
    every store keeps it. The order of attributes does not count."""
    pairs: list[tuple[str, object, object]] = [("accepted_at", expected.accepted_at, held.accepted_at)]
    fields = Metric.__struct_fields__
    pairs += [(name, getattr(expected.metric, name), getattr(held.metric, name)) for name in fields]
    return tuple(
        FieldDifference(field, *_shown(_text(ours), _text(theirs)))
        for field, ours, theirs in pairs
        if _text(ours) != _text(theirs) and not (field == "value" and ours == theirs)
    )


def _text(value: object) -> str:
    try:
        return _value(value).decode()
    except UnicodeEncodeError:
        return ascii(value)


def _shown(ours: str, theirs: str) -> tuple[str, str]:
    """Both, from a little before where they part if that is far behind."""
    if max(len(ours), len(theirs)) <= _SHOWN:
        return ours, theirs
    at = next((at for at, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), 0)
    at = max(0, min(at, min(len(ours), len(theirs))) - _SHOWN // 3)
    return _cut(ours, at), _cut(theirs, at)


def _cut(text: str, at: int) -> str:
    piece = text[at : at + _SHOWN]
    return ("…" if at else "") + piece + ("…" if at + _SHOWN < len(text) else "")
