"""Attributes out of a column of JSON text. Pure."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from journal.metric import AttributeValue

_ours = msgspec.json.Decoder(dict[str, AttributeValue]).decode


def attributes_of(text: str) -> dict[str, AttributeValue]:
    """What stands in the column. What is no flat object, for somebody has changed it by hand, is given as it
    is, so that who compares it with what it should be can tell."""
    if text == "{}":
        return {}
    try:
        return _ours(text)
    except msgspec.MsgspecError:
        return cast("dict[str, AttributeValue]", _anything(text))


def _anything(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return text
