"""How two states differ, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import msgspec

from journal.cli.state import SHOWN, TOLD, counted, labelled, letter_words, more, pending
from journal.cli.terminal import harmless, local_time, paint
from journal.state import (
    ActorState,
    BreakerState,
    CursorState,
    DeadLetterCount,
    State,
)


def change_words(before: State, after: State) -> Iterator[str]:
    """Each difference in a line; none where there is none."""
    yield from _moved("accepted", before.accepted, after.accepted)
    yield from _moved("events", before.events, after.events)
    if before.opened_at != after.opened_at:
        yield labelled("opened", f"last {local_time(after.opened_at)}")
    if before.clean != after.clean:
        yield labelled("closed", "in good order" if after.clean else "in good order before, and not since")
    yield from _moved("kept from", before.retired_before, after.retired_before)
    yield from _moved("lost", before.lost_metrics, after.lost_metrics)
    for name in sorted({*before.cursors, *after.cursors, *before.breakers, *after.breakers}):
        yield from _under(f"store {name}", [*_cursor(name, before, after), *_breaker(name, before, after)])
    yield from _under("dead letters", _letters(before, after))
    for path in sorted(after.actors):
        yield from _under(f"actor {path}", _actor(before.actors.get(path, ActorState()), after.actors[path]))
    for field in State.__struct_fields__:
        old, new = getattr(before, field), getattr(after, field)
        if field not in TOLD and old != new:
            yield labelled(field.replace("_", " "), harmless(f"{_json(old)} → {_json(new)}"))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _under(head: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield paint(harmless(head), "bold")
        yield from lines


def _moved(label: str, before: int, after: int) -> Iterator[str]:
    if before != after:
        yield labelled(label, f"{before:,} → {after:,} ({after - before:+,})")


def _cursor(name: str, before: State, after: State) -> Iterator[str]:
    old = before.cursors.get(name, CursorState(before.retired_before, 0))
    new = after.cursors.get(name, CursorState(after.retired_before, 0))
    yield from _moved("  cursor", old.offset, new.offset)
    yield from _moved("  persisted", old.persisted, new.persisted)
    yield from _moved("  refused", old.dead_lettered, new.dead_lettered)
    yield from _moved("  lost", old.lost, new.lost)
    yield from _moved("  pending", pending(before, old), pending(after, new))


def _breaker(name: str, before: State, after: State) -> Iterator[str]:
    old = before.breakers.get(name, BreakerState())
    new = after.breakers.get(name, BreakerState())
    if old == new:
        return
    if old.position != new.position:
        yield labelled("  breaker", f"{old.position} → {new.position} since {local_time(new.since)}")
    else:
        yield labelled("  breaker", f"{new.position} anew since {local_time(new.since)}")
    yield from _moved("  failures", old.failures, new.failures)
    if new.error and new.error != old.error:
        yield labelled("  last error", harmless(new.error))


def _letters(before: State, after: State) -> list[str]:
    old, new = before.dead_letters, after.dead_letters
    came = [new[id_] for id_ in new if id_ not in old]
    again = sum(new[id_] != letter for id_, letter in old.items() if id_ in new)
    lines = list(_moved("  waiting", len(old), len(new)))
    for cause, number in Counter(letter.cause for letter in came).most_common():
        lines.append(labelled("", f"{number:,} new: {cause}"))
    lines += [labelled(f"  {each.id}", letter_words(each)) for each in islice(came, SHOWN)]
    lines += more(len(came) - SHOWN)
    if again:
        lines.append(labelled("  refused", f"{counted(again, 'letter')} once more"))
    for store in sorted(after.dead_letter_counts):
        old_counts = before.dead_letter_counts.get(store, DeadLetterCount())
        lines += _became(store, old_counts, after.dead_letter_counts[store])
    for store in sorted(after.mirrored):
        mirrored = before.mirrored.get(store, 0), after.mirrored[store]
        lines += (f"{line} into {harmless(store)}" for line in _moved("  mirrored", *mirrored))
    return lines


def _became(store: str, before: DeadLetterCount, after: DeadLetterCount) -> Iterator[str]:
    grown = {way: getattr(after, way) - getattr(before, way) for way in DeadLetterCount.__struct_fields__}
    told = [f"{number:,} {way}" for way, number in grown.items() if number]
    if told:
        yield labelled("  since then", harmless(f"{store}: {', '.join(told)}"))


def _actor(before: ActorState, after: ActorState) -> list[str]:
    if before == after:
        return []
    crashes = counted(after.crashes - before.crashes, "crash", "crashes")
    restarts = counted(after.restarts - before.restarts, "restart")
    last = f", last {local_time(after.last_crash_at)}" if after.last_crash_at else ""
    error = [labelled("", harmless(after.last_error))] if after.last_error else []
    return [labelled("", f"{crashes} and {restarts} more{last}"), *error]
