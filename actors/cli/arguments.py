"""What argparse is told of arguments: kinds of settings, points in time, ids."""

from __future__ import annotations

import re
import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from actors.config.kinds import Kind
from journal.metric import Nanoseconds

_AGE: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(s|min|m|h|d|w)")
_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_FRACTION: Final = re.compile(r"[.,]([0-9]{1,9})[0-9]*")


def of_kind(kind: Kind) -> Callable[[str], Any]:
    """`kind` as argparse takes types."""

    def parse(raw: str) -> Any:
        try:
            return kind.parse(raw)
        except ValueError as error:
            raise ArgumentTypeError(f"{raw!r} {error}") from error

    return parse


def moment(text: str) -> Nanoseconds:
    """The time that `text` means: an age such as 15m, 2h or 7d, or an ISO 8601 time, local where it says
    no zone. Raises ArgumentTypeError."""
    return moment_at(text, time.time_ns())


def moment_at(text: str, now: Nanoseconds) -> Nanoseconds:
    """As `moment`, for whom it is `now`."""
    if (age := _AGE.fullmatch(text.removesuffix(" ago"))) is not None:
        return now - round(float(age[1]) * _UNITS[age[2]] * 1e9)
    try:
        seconds = int(datetime.fromisoformat(text).replace(microsecond=0).timestamp())
    except (ValueError, OverflowError, OSError):
        raise ArgumentTypeError(
            f"{text!r} is no time (2026-11-23T13:05, local unless it says its zone) or age (15m, 2h, 7d)"
        ) from None
    fraction = _FRACTION.search(text)
    nanoseconds = int(fraction[1].ljust(9, "0")) if fraction is not None else 0
    return seconds * 1_000_000_000 + nanoseconds


def letter_id(text: str) -> int:
    """The id of a dead letter. Raises ArgumentTypeError."""
    if re.fullmatch(r"[0-9]{1,18}", text) is None:
        raise ArgumentTypeError(f"{text!r} is no id: `forebay dlq ls` shows them in its first column")
    return int(text)


def positive(text: str) -> int:
    """A whole number above 0. Raises ArgumentTypeError."""
    if re.fullmatch(r"[0-9]{1,9}", text) is None or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} must be a whole number, 1 or more")
    return int(text)
