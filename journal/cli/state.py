"""The folded state as of a point, for people and as JSON: `forebay journal replay --print-state`."""

from __future__ import annotations

import re
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final, cast

import msgspec

from journal.cli.arguments import bound
from journal.cli.shell import code_for
from journal.cli.terminal import Colour, Progress, cut, harmless, local_time, paint, say, width
from journal.inspect import (
    Bound,
    Finding,
    Past,
    in_full,
    journal_directory,
    segment_sizes,
    state_at,
    whole_fold,
)
from journal.state import ActorState, BreakerState, CursorState, DeadLetter, DeadLetterCount, State

SHOWN: Final = 5
"""Dead letters, actors and losses that are shown one by one."""

TOLD: Final = frozenset(
    {
        "accepted",
        "events",
        "cursors",
        "actors",
        "opened_at",
        "clean",
        "retired_before",
        "breakers",
        "dead_letters",
        "dead_letter_counts",
        "mirrored",
        "lost",
        "lost_metrics",
    }
)
"""Fields of State that have words here; every other one is shown as JSON."""

_CODES: Final = re.compile("\033\\[[0-9;]*m")
BREAKER_COLOURS: Final[dict[str, Colour]] = {"closed": "green", "half-open": "yellow", "open": "red"}


def add_print_state(parser: ArgumentParser) -> None:
    """Give `parser` the flag that asks for the state; `--until` says as of when."""
    parser.add_argument(
        "--print-state",
        action="store_true",
        help="print the state after every event before --until, itself not included (default: the end)",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="with --print-state: fold all that is kept, not only the segment that holds the point, and "
        "check each snapshot on the way",
    )


def print_state(args: Namespace) -> int:
    """Print the state as of `args.until`, of the journal in `args.directory`, as one object if `args.json`.

    The exit code is 1 where `args.full` has found a snapshot that is not the fold of what is before it.
    Raises as `state_at` does; ArgumentTypeError.
    """
    for flag, name in (("--from", "since"), ("--name", "name"), ("--source", "source")):
        if getattr(args, name, None):
            raise ArgumentTypeError(f"argument {flag}: a state is that of the whole journal; leave it out")
    until = bound("--until", args.until, time.time_ns())
    directory = journal_directory(args.directory)
    findings: list[Finding] = []
    past = _whole(directory, until, findings) if args.full else state_at(directory, until)
    if args.json:
        say(msgspec.json.encode(as_object(past)).decode())
    else:
        room = width()
        for line in render(past):
            say(fitted(line, room))
    return code_for(findings)


def _whole(directory: str, until: Bound, findings: list[Finding]) -> Past:
    """The state, folded from the beginning; what is found on the way is told on stderr."""
    progress = Progress(segment_sizes(directory))
    for step in whole_fold(directory, until, reading=progress.reading if progress.shows else None):
        progress.clear()
        if isinstance(step, Past):
            return step
        findings.append(step)
        sys.stderr.write(f"{step}\n")
    raise AssertionError("the fold ends with a state")


def as_object(past: Past) -> dict[str, object]:
    """`past` ready to be encoded: every field of the state, those that are empty too."""
    return cast(dict[str, object], in_full(past))


def render(past: Past) -> Iterator[str]:
    """`past` in lines for a person, 80 columns wide at most but for what was written by others."""
    state = past.state
    yield paint(f"as of offset {past.offset:,}", "bold") + f", last written {local_time(past.time)}"
    if past.ended:
        yield paint("the journal ends here, before the offset that was asked for", "yellow")
    yield labelled("journal", f"{past.journal_id}, kept from offset {past.first_offset:,} on")
    yield labelled("", _opened(state))
    yield labelled(
        "accepted", f"{state.accepted:,} metrics since the journal began, and {state.events:,} events"
    )
    if state.retired_before:
        yield labelled("retired", f"everything before offset {state.retired_before:,}")
    yield from _lost(state)
    for name in sorted(state.cursors.keys() | state.breakers.keys()):
        yield from _store(name, state)
    yield from _dead_letters(state)
    yield from _actors(state.actors)
    for field in State.__struct_fields__:
        value = getattr(state, field)
        if field not in TOLD and value:
            yield labelled(field.replace("_", " "), harmless(msgspec.json.encode(value).decode()))


def fitted(line: str, room: int | None) -> str:
    """`line` in at most `room` columns; where it has to be cut, without its colours."""
    plain = _CODES.sub("", line)
    return line if room is None or len(plain) <= room else cut(plain, room)


def labelled(label: str, text: str) -> str:
    """`text` behind its label, in a column of its own."""
    return f"{label:<12}  {text}"


def _opened(state: State) -> str:
    if state.clean:
        return "closed in good order" if state.opened_at else "never opened"
    return f"opened {local_time(state.opened_at)}, and not closed"


def _lost(state: State) -> Iterator[str]:
    if not (state.lost or state.lost_metrics):
        return
    yield labelled("lost", paint(f"{state.lost_metrics:,} metrics, to damages of the journal", "red"))
    for each in state.lost[-SHOWN:]:
        most = "" if each.exact else "at most "
        yield labelled("", f"offsets {each.first:,} to {each.end - 1:,}: {most}{each.metrics:,} metrics")
    yield from more(len(state.lost) - SHOWN)


def _store(name: str, state: State) -> Iterator[str]:
    yield ""
    yield paint(f"store {harmless(name)}", "bold")
    cursor = state.cursors.get(name, CursorState(state.retired_before, 0))
    yield labelled("  cursor", f"offset {cursor.offset:,}")
    yield labelled("  persisted", f"{cursor.persisted:,} metrics")
    if cursor.dead_lettered:
        yield labelled("  refused", f"{cursor.dead_lettered:,}: dead letters")
    if cursor.lost:
        yield labelled("  lost", f"{cursor.lost:,} that the journal had lost before")
    yield labelled("  pending", f"{pending(state, cursor):,}")
    yield from _breaker(state.breakers.get(name))


def pending(state: State, cursor: CursorState) -> int:
    """Metrics that were accepted and that the store at `cursor` had not been given, as far as was noted."""
    return max(0, state.accepted - cursor.persisted - cursor.dead_lettered - cursor.lost)


def _breaker(breaker: BreakerState | None) -> Iterator[str]:
    if breaker is None:
        return
    position = paint(breaker.position, BREAKER_COLOURS[breaker.position])
    yield labelled("  breaker", f"{position} since {local_time(breaker.since)}")
    if breaker.failures:
        probe = f", next probe {local_time(breaker.probe_at)}" if breaker.probe_at else ""
        yield labelled("", f"{counted(breaker.failures, 'failure')} in a row{probe}")
    if breaker.error:
        yield labelled("  last error", harmless(breaker.error))


def _dead_letters(state: State) -> Iterator[str]:
    letters = state.dead_letters
    if not (letters or state.dead_letter_counts):
        return
    yield ""
    yield paint("dead letters", "bold")
    oldest = next(iter(letters.values()), None)
    since = f", the oldest since {local_time(oldest.first_failed_at)}" if oldest is not None else ""
    yield labelled("  waiting", f"{len(letters):,}{since}")
    for cause, count in Counter(letter.cause for letter in letters.values()).most_common():
        yield labelled("", f"{count:,} {cause}")
    for letter in islice(letters.values(), SHOWN):
        yield labelled(f"  {letter.id}", letter_words(letter))
    yield from more(len(letters) - SHOWN)
    for store, counts in sorted(state.dead_letter_counts.items()):
        yield labelled("  since ever", harmless(f"{store}: {_became(counts)}"))
    for store, before in sorted(state.mirrored.items()):
        yield labelled("  mirrored", harmless(f"into {store}, all before offset {before:,}"))


def letter_words(letter: DeadLetter) -> str:
    """What waits, for which store, and why."""
    source = f" of {letter.source}" if letter.source else ""
    attempts = counted(letter.attempts, "attempt")
    return harmless(f"{letter.name}{source} for {letter.store}: {letter.cause}, {attempts}: {letter.error}")


def _became(count: DeadLetterCount) -> str:
    ways = {"redriven": count.redriven, "discarded": count.discarded, "expired": count.expired}
    told = [f"{number:,} {way}" for way, number in ways.items() if number]
    return ", ".join([f"{count.buried:,} buried", *told])


def _actors(actors: dict[str, ActorState]) -> Iterator[str]:
    if not actors:
        return
    yield ""
    yield paint("actors", "bold")
    latest = sorted(actors.items(), key=lambda item: item[1].last_crash_at, reverse=True)
    for path, actor in latest[:SHOWN]:
        times = f"{counted(actor.crashes, 'crash', 'crashes')}, {counted(actor.restarts, 'restart')}"
        last = f", last {local_time(actor.last_crash_at)}" if actor.last_crash_at else ""
        yield f"  {harmless(path)}: {times}{last}"
        if actor.last_error:
            yield labelled("", harmless(actor.last_error))
    yield from more(len(latest) - SHOWN)


def more(left: int) -> Iterator[str]:
    """That `left` more are not shown, if there are any."""
    if left > 0:
        yield labelled("", f"… and {left:,} more: --json has them all")


def counted(number: int, one: str, many: str | None = None) -> str:
    """`number` of something."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {many or one + 's'}"
