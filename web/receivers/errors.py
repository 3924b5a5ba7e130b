"""What a receiver says of a body that it does not take."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

MAX_PROBLEMS = 20
"""Guilty items named in one answer; nothing of the request is taken, so the rest can wait."""


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with one item; `field` is "" where the item as a whole is meant."""

    index: int
    field: str
    reason: str


class ReceiverError(ValueError):
    """A body cannot be taken: the HTTP status that says so, why, and which items are guilty."""

    def __init__(self, detail: str, problems: Sequence[Problem] = (), status: int = 400) -> None:
        self.detail = detail
        self.problems = list(problems)
        self.status = status
        super().__init__(detail)


def invalid_items(problems: Sequence[Problem], *, more: bool) -> ReceiverError:
    """The error for a batch in which `problems` were found; `more` items were not looked at."""
    count = f"at least {len(problems)}" if more else str(len(problems))
    items = "item is" if count == "1" else "items are"
    return ReceiverError(f"{count} {items} invalid; nothing of this request was taken", problems)


EMPTY = "the body holds no metric; send at least one"
TOO_DEEP = "the body is nested too deeply; a metric is a flat object whose attributes are a flat object"
