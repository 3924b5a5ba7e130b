"""Attributes out of a column of JSON text, what a series is filtered by, and what there is of them. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from journal.metric import AttributeValue
from web.ports import MAX_KEYS, MAX_VALUES, AttributeFilter, AttributeSeen

_ours = msgspec.json.Decoder(dict[str, AttributeValue]).decode
_encode = msgspec.json.Encoder().encode


def attributes_of(text: str) -> dict[str, AttributeValue]:
    """What stands in the column. What is no flat object, for somebody has changed it by hand, is given as it
    is, so that who compares it with what it should be can tell."""
    if text == "{}":
        return {}
    try:
        return _ours(text)
    except msgspec.MsgspecError:
        return cast("dict[str, AttributeValue]", _anything(text))


def value_text(value: AttributeValue) -> str:
    """What `value` is filtered by: a string itself, a number or a boolean as JSON prints it."""
    return value if isinstance(value, str) else _encode(value).decode()


def has(attributes: dict[str, AttributeValue], wanted: AttributeFilter) -> bool:
    """Whether `attributes` have all that is wanted."""
    return all(key in attributes and value_text(attributes[key]) == text for key, text in wanted)


def attributes_seen(counted: Iterable[tuple[dict[str, AttributeValue], int]]) -> list[AttributeSeen]:
    """What there is in attributes that came so many times each, as web.ports.History tells it."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for attributes, count in counted:
        if isinstance(attributes, dict):  # pyright: ignore[reportUnnecessaryIsInstance] - see attributes_of
            for key, value in attributes.items():
                found[key][value_text(value)] += count
    seen = [AttributeSeen(key, _first(values, MAX_VALUES), values.total()) for key, values in found.items()]
    return sorted(seen, key=lambda each: (-each.count, each.key))[:MAX_KEYS]


def _first(counts: Counter[str], most: int) -> list[str]:
    return sorted(counts, key=lambda text: (-counts[text], text))[:most]


def _anything(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return text
