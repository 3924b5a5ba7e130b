"""`forebay dlq redrive` and `discard`: what a person decides, done by the process that has the queue."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from actors.cli.bar import Bar
from actors.cli.dlq_look import filter_of
from actors.cli.dlq_source import PATH, Online
from actors.cli.exits import FAILED, FINE, USAGE, CommandError
from actors.cli.remote import NobodyAnswersError, NotPossibleError, Remote
from actors.cli.settings_flags import settings_from
from web.health import is_stuck
from web.letters import Bulk, Letter, LetterFilter, Redriven
from web.report import DeadLetterStatus

_LOOK_EVERY: Final = 0.2
_PATIENCE: Final = 5.0
"""Seconds without any change after which a store that is away is no longer waited for."""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of the letters that `matched`; `queued`: on their way when the command left."""

    matched: int
    dry_run: bool = False
    redriven: int | None = None
    refused: int | None = None
    queued: int | None = None
    discarded: int | None = None


def redrive(args: Namespace) -> int:
    """Send them; 1 where one was refused again."""
    which = _chosen(args)
    with _process(args) as remote:
        if len(args.ids) == 1 and which == LetterFilter(ids=args.ids) and not (args.dry_run or args.rate):
            return _tell_redriven(_redrive_one(remote, args.ids[0]), args)
        before = {} if args.dry_run or args.no_wait else _waiting(remote, which)
        bulk = remote.post(f"{PATH}/redrive", Bulk, _body(args, which, rate=args.rate))
        if bulk.dry_run or not bulk.matched:
            return _tell_count(bulk, "redriven", args)
        outcome = Outcome(bulk.matched, redriven=0, refused=0, queued=bulk.matched)
        try:
            if not args.no_wait:
                outcome = _await(remote, which, before)
        except KeyboardInterrupt:
            sys.stderr.write("no longer waited for; what is queued goes on\n")
            raise
    return _tell_redriven(outcome, args)


def discard(args: Namespace) -> int:
    """Give them up, once that is confirmed."""
    which = _chosen(args)
    can_answer = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    if not (args.yes or args.dry_run or can_answer):
        raise CommandError("discarded is discarded for good: say --yes where nobody can be asked", USAGE)
    body = _body(args, which)
    with _process(args) as remote:
        if not (args.yes or args.dry_run):
            seen = _waiting(remote, which)
            if seen and not _confirmed(len(seen)):
                sys.stderr.write("nothing was discarded\n")
                return FAILED
            # What came while the question stood was not asked about.
            body = _body(args, LetterFilter(ids=list(seen))) | {"all": False}
        if len(args.ids) == 1 and which == LetterFilter(ids=args.ids) and not args.dry_run:
            remote.delete(f"{PATH}/{args.ids[0]}")
            bulk = Bulk(1, False)
        else:
            bulk = remote.post(f"{PATH}/discard", Bulk, body)
    return _tell_count(bulk, "discarded", args)


def _chosen(args: Namespace) -> LetterFilter:
    """Which letters are meant. Raises CommandError where that is not said, or said twice."""
    which = replace(filter_of(args), ids=args.ids or None)
    if args.all == (which != LetterFilter()):
        raise CommandError(
            f"dlq {args.action}: say which: IDs, a filter such as --cause check, or --all by itself", USAGE
        )
    return which


@contextmanager
def _process(args: Namespace) -> Generator[Remote]:
    """The process that has the queue. Raises CommandError where none runs."""
    with Remote(settings_from(args).settings, args.url) as remote:
        try:
            remote.status()
        except NobodyAnswersError as error:
            raise CommandError(
                f"dlq {args.action}: {error}; only a running process changes its queue"
            ) from error
        yield remote


def _waiting(remote: Remote, which: LetterFilter) -> dict[int, Letter]:
    """What matches now, by id."""
    ids = None if which.ids is None else set(which.ids)
    pages = Online(remote).pages(replace(which, ids=None), None)
    return {letter.id: letter for page in pages for letter in page.letters if ids is None or letter.id in ids}


def _body(args: Namespace, which: LetterFilter, **more: Any) -> dict[str, Any]:
    said = {name: value for name, value in more.items() if value is not None}
    return {"all": args.all, "dry_run": args.dry_run, **msgspec.to_builtins(which), **said}


def _redrive_one(remote: Remote, id_: int) -> Outcome:
    try:
        done = remote.post(f"{PATH}/{id_}/redrive", Redriven)
    except NotPossibleError as error:
        if error.status == 409:
            raise CommandError(f"dead letter {id_} was refused again and stays: {error}") from error
        raise
    if done.outcome == "queued":
        return Outcome(1, redriven=0, refused=0, queued=1)
    return Outcome(1, redriven=1, refused=0, queued=0)


def _await(remote: Remote, which: LetterFilter, before: dict[int, Letter]) -> Outcome:
    """What became of the letters that were as in `before`, once none is on its way any more, or those that
    are have to wait for their store."""
    # A letter that was refused again may have another cause now.
    stable = replace(which, cause=None)
    with Bar(len(before), "redriven or refused") as bar:
        seen, since = DeadLetterStatus(-1), time.monotonic()
        while True:
            report = remote.status()
            queue = report.dead_letters
            if queue != seen:
                seen, since = queue, time.monotonic()
            is_idle = queue.redriving == 0
            is_late = time.monotonic() - since > _PATIENCE and (is_idle or any(map(is_stuck, report.stores)))
            if is_idle or is_late:
                outcome = _account(before, _waiting(remote, stable))
                # Idle, too, is a process that has yet to begin.
                if is_late or not outcome.queued:
                    return outcome
            bar.show(max(len(before) - queue.redriving, 0))
            time.sleep(_LOOK_EVERY)


def _account(before: dict[int, Letter], after: dict[int, Letter]) -> Outcome:
    left = [after[id_] for id_ in before if id_ in after]
    refused = sum(not letter.redriving and letter.attempts > before[letter.id].attempts for letter in left)
    return Outcome(len(before), redriven=len(before) - len(left), refused=refused, queued=len(left) - refused)


def _tell_redriven(outcome: Outcome, args: Namespace) -> int:
    if args.json:
        print(msgspec.json.encode(outcome).decode())
    else:
        words = [f"{outcome.redriven:,} of {outcome.matched:,} redriven"]
        if outcome.refused:
            words.append(f"{outcome.refused:,} refused again: see `forebay dlq ls`")
        if outcome.queued:
            them = "it" if outcome.queued == 1 else "them"
            words.append(f"{outcome.queued:,} queued, and stored once their store takes {them}")
        print("; ".join(words))
    return FAILED if outcome.refused else FINE


def _tell_count(bulk: Bulk, done: str, args: Namespace) -> int:
    if args.json:
        counted = {} if bulk.dry_run else {done: bulk.matched}
        print(msgspec.json.encode(Outcome(bulk.matched, bulk.dry_run, **counted)).decode())
    elif not bulk.matched:
        print("no dead letter matches")
    elif bulk.dry_run:
        print(f"{_letters(bulk.matched)} would be {done}; this was a dry run, and nothing was done")
    else:
        print(f"{_letters(bulk.matched)} {done}")
    return FINE


def _confirmed(count: int) -> bool:
    sys.stderr.write(f"Discard {_letters(count)} for good? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _letters(count: int) -> str:
    return f"{count:,} dead letter{'' if count == 1 else 's'}"
