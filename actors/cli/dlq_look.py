"""`forebay dlq ls`, `show` and `export`: looking at dead letters."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Final

import msgspec

from actors.cli.bar import Bar
from actors.cli.dlq_source import Source, source
from actors.cli.exits import FINE
from actors.cli.terminal import columns, cut, paint, width
from journal.cli.terminal import harmless, local_time
from journal.metric import Nanoseconds
from web.health import span
from web.letters import Letter, LetterFilter

_WIDTH: Final = 80
_MOST_PLAIN: Final = 400


class Listing(msgspec.Struct, frozen=True):
    """What `forebay dlq ls --json` prints: the letters shown, of `matched` that match of `pending`."""

    letters: list[Letter]
    matched: int
    pending: int


def filter_of(args: Namespace) -> LetterFilter:
    """What the flags choose, ids left aside."""
    return LetterFilter(None, args.store, args.cause, args.name, args.source, args.after, args.before)


def ls(args: Namespace) -> int:
    """Print the list."""
    with source(args) as letters:
        listing = _listing(letters, filter_of(args), args.limit)
    if args.json:
        print(msgspec.json.encode(listing).decode())
        return FINE
    for line in table(listing, time.time_ns(), width() or _WIDTH):
        print(line)
    return FINE


def show(args: Namespace) -> int:
    """Print one letter."""
    with source(args) as letters:
        letter = letters.one(args.id)
    if args.json:
        print(msgspec.json.encode(letter).decode())
        return FINE
    for line in details(letter):
        print(line)
    return FINE


def export(args: Namespace) -> int:
    """Write the letters, one a line."""
    which = filter_of(args)
    with source(args) as letters, _output(args.output) as out:
        matched = next(letters.pages(which, 1)).matched
        total = matched if args.limit is None else min(matched, args.limit)
        count = _export(
            letters.whole(which, args.limit), out, Bar(total, "exported", quiet=args.output is None)
        )
    if args.output is not None:
        sys.stderr.write(f"{args.output}: {count:,} dead letter{'' if count == 1 else 's'}\n")
    return FINE


def table(listing: Listing, now: Nanoseconds, room: int) -> Iterator[str]:
    """`listing` as lines of at most `room` columns."""
    if not listing.letters:
        yield _none(listing)
        return
    rows = [("id", "age", "cause", "name", "source", "tried", "error")]
    rows += [
        (
            str(letter.id),
            _age(letter, now),
            cut(letter.cause, 12),
            cut(harmless(letter.name), 20),
            cut(harmless(letter.source), 12),
            f"{letter.attempts:,}{'*' if letter.redriving else ''}",
            harmless(letter.error[:_MOST_PLAIN]),
        )
        for letter in listing.letters
    ]
    head, *lines = columns(rows, right=(0, 1, 5), room=room)
    yield paint(head, "bold")
    yield from lines
    if any(letter.redriving for letter in listing.letters):
        yield "* on its way back to its store"
    shown = len(listing.letters)
    if shown < listing.matched:
        rest = f"{shown:,} of {listing.matched:,} that match; --limit {listing.matched} shows all"
        yield paint(cut(rest, room), "dim")


def details(letter: Letter) -> Iterator[str]:
    """`letter` as lines, one a field, and its metric as JSON."""
    about = {
        "dead letter": f"{letter.id}{', on its way back to its store' if letter.redriving else ''}",
        "store": letter.store,
        "cause": letter.cause + (" (nothing is known to be wrong with the metric)" if letter.weather else ""),
        "error": harmless(letter.error),
        "attempts": f"{letter.attempts:,}",
        "first failed": local_time(letter.first_failed_at),
        "last failed": local_time(letter.last_failed_at),
        "accepted": f"{local_time(letter.accepted_at)}, at offset {letter.offset:,}",
    }
    for name, value in about.items():
        yield f"{paint(f'{name:13}', 'bold')}{value}"
    if letter.metric is not None:
        yield paint("metric", "bold")
        plain = msgspec.json.format(msgspec.json.encode(letter.metric), indent=2).decode()
        yield from (f"  {harmless(line)}" for line in plain.splitlines())
    else:
        yield paint("metric       lost with a damage of the journal: edit or discard the letter", "yellow")


def _listing(letters: Source, which: LetterFilter, limit: int) -> Listing:
    found: list[Letter] = []
    matched = pending = 0
    for page in letters.pages(which, limit):
        found += page.letters
        matched, pending = page.matched, page.pending
    return Listing(found, matched, pending)


def _none(listing: Listing) -> str:
    match listing.pending:
        case 0:
            return "No dead letters: no store has refused a metric that is still waiting."
        case 1:
            return "The one dead letter that waits does not match."
        case pending:
            return f"None of the {pending:,} dead letters that wait matches."


def _age(letter: Letter, now: Nanoseconds) -> str:
    """Since it first failed, in its largest unit."""
    number, unit, *_ = span((now - letter.first_failed_at) / 1e9).split()
    return f"{number} {unit}"


@contextmanager
def _output(path: str | None) -> Generator[IO[bytes]]:
    """Where to write: stdout or, once all is written, the file at `path`."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = f"{path}.part"
    try:
        with open(unfinished, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        if os.path.exists(unfinished):
            os.unlink(unfinished)
        raise


def _export(letters: Iterable[Letter], out: IO[bytes], bar: Bar) -> int:
    encoder = msgspec.json.Encoder()
    count = 0
    with bar:
        for letter in letters:
            out.write(encoder.encode(letter) + b"\n")
            count += 1
            bar.show(count)
    return count
