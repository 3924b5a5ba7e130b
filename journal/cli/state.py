"""The folded state as of a point, for people and as JSON: `forebay journal replay --print-state`."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Final

import msgspec

from journal.cli.arguments import bound
from journal.cli.exits import FINE
from journal.cli.terminal import cut, local_time, paint, say, width
from journal.inspect import Past, journal_directory, state_at

SHOWN: Final = 5
"""Dead letters that are shown one by one."""


def add_print_state(parser: ArgumentParser) -> None:
    """Give `parser` the flag that asks for the state; `--until` says as of when."""
    parser.add_argument(
        "--print-state",
        action="store_true",
        help="print the state after every event before --until, itself not included (default: the end)",
    )


def print_state(args: Namespace) -> int:
    """Print the state as of `args.until`, of the journal in `args.directory`, as one object if `args.json`.

    Raises as `state_at` does; ArgumentTypeError.
    """
    until = bound("--until", args.until, time.time_ns())
    past = state_at(journal_directory(args.directory), until)
    if args.json:
        say(msgspec.json.encode(as_object(past)).decode())
        return FINE
    room = width()
    for line in render(past):
        say(cut(line, room))
    return FINE


def as_object(past: Past) -> dict[str, object]:
    """`past` ready to be encoded: every field of the state, those that are empty too."""
    return {
        "journal_id": past.journal_id,
        "offset": past.offset,
        "time": past.time,
        "first_offset": past.first_offset,
        "ended": past.ended,
        "state": in_full(past.state),
    }


def in_full(value: object) -> object:
    """`value` with every field of every Struct in it, also those that have their defaults."""
    match value:
        case msgspec.Struct():
            return {name: in_full(getattr(value, name)) for name in value.__struct_fields__}
        case dict():
            return {str(key): in_full(each) for key, each in value.items()}  # type: ignore[misc]
        case tuple() | list():
            return [in_full(each) for each in value]  # type: ignore[misc]
        case _:
            return value


def render(past: Past) -> Iterator[str]:
    """`past` in lines for a person."""
    yield paint(f"state as of offset {past.offset:,}", "bold") + f", written {local_time(past.time)}"
    if past.ended:
        yield paint("the journal ends here, before the offset that was asked for", "yellow")
    yield f"journal {past.journal_id}, kept from offset {past.first_offset:,}"
