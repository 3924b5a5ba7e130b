"""The sending half of `forebay journal replay`; journal/cli/replay.py finds it by its entry point."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Sequence

from actors.cli.exits import FAILED, FINE, INTERRUPTED, USAGE, explain
from actors.cli.replay_screen import Screen, as_object, describe, would_send
from actors.config import Settings, load_settings
from actors.core.persistence import RetryPolicy
from actors.replay.bookmark import BookmarkFile, state_folder
from actors.replay.feed import Count
from actors.replay.replay import Order, Outcome, Replay
from actors.replay.sender import Limits
from actors.stores.base import HistoryStore
from actors.stores.factory import make_store, make_stores
from actors.stores.sqlite import SqliteStore
from journal.cli.exits import CommandFailedError
from journal.cli.terminal import say
from journal.reader import OffsetRetiredError, journal_id_of

GC_THRESHOLD = 50_000
"""Allocations between collections of young objects, as `forebay run` has it."""


def run(args: Namespace) -> int:
    """Send what journal/cli/replay.py was asked for, and return the exit code. Raises CommandFailedError."""
    try:
        return _replay(args)
    except OffsetRetiredError as error:
        raise CommandFailedError(f"{error}; the same command does", FAILED) from error
    except Exception as error:
        code, lines = explain(error)
        if lines and lines[0].startswith("internal error"):
            raise
        notes: list[str] = getattr(error, "__notes__", [])
        raise CommandFailedError("; ".join([*lines, *notes]), code) from error


def _replay(args: Namespace) -> int:
    data = os.path.dirname(os.path.abspath(args.journal))
    if os.path.basename(os.path.abspath(args.journal)) == "dead-letters":
        raise CommandFailedError(
            f"{args.journal}: the dead-letter queue's own; `forebay dlq redrive` sends what waits there",
            USAGE,
        )
    settings = load_settings({"data": data}, args.config).settings
    store = _store(args.to, settings, data)
    order = Order(
        args.journal,
        None if args.with_dead_letters else os.path.join(data, "dead-letters"),
        args.selection,
        _limits(settings, args.rate),
        anew=args.restart,
    )
    bookmark = BookmarkFile(_asked(args, _place(store, settings)), state_folder(os.environ))
    stop = asyncio.Event()
    with Screen() as screen:
        replay = Replay(store, order, bookmark, stop, screen)
        try:
            outcome, count = asyncio.run(_carried_out(replay, stop, screen, dry=args.dry_run))
        except Exception as error:
            # Whatever it is, what was sent stays; what the error itself says comes first.
            if replay.sent:
                error.add_note(f"{replay.sent:,} metrics were sent; the same command goes on behind them")
            raise
    if count is not None:
        _print(would_send(store.name, outcome, count, as_json=args.json))
        return FINE if outcome.complete else INTERRUPTED
    _print([as_object(store.name, outcome, screen)] if args.json else describe(store.name, outcome))
    if not outcome.complete:
        return INTERRUPTED
    return FAILED if outcome.refused else FINE


async def _carried_out(
    replay: Replay, stop: asyncio.Event, screen: Screen, *, dry: bool
) -> tuple[Outcome, Count | None]:
    _stop_on_signals(stop, screen)
    # Metrics cannot form cycles: a tenth of the time would go into looking for some.
    gc.set_threshold(GC_THRESHOLD, 20, 100)
    return await replay.count() if dry else (await replay.run(), None)


def _limits(settings: Settings, rate: int | None) -> Limits:
    persister = settings.metrics_persister
    policy = RetryPolicy(
        factor=persister.retry_backoff_factor,
        max_attempts=persister.retry_max_attempts if settings.resilience.retry_enabled else 1,
    )
    return Limits(settings.store_batch_rows, rate, settings.store_timeout, settings.dlq_hold_after, policy)


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        say(line)


def _store(to: str | None, settings: Settings, data: str) -> HistoryStore:
    """The store that `--to` means: a configured one by its name, or one by its URL."""
    if to is None:
        names = " or ".join(f"--to {store.name}" for store in make_stores(settings, data))
        raise CommandFailedError(f"which store? {names}, or another; or --print-state", USAGE)
    for store in make_stores(settings, data):
        if to == store.name:
            return store
    return make_store(to, data, settings.supabase, settings.store_timeout)


def _place(store: HistoryStore, settings: Settings) -> str:
    """Where the store is, which for some is more than its name says."""
    match store:
        case SqliteStore(path=path):
            return f"{store.name} at {os.path.realpath(path)}"
        case _ if store.name == "supabase":
            return f"{store.name} at {settings.supabase.url}"
        case _:
            return store.name


def _asked(args: Namespace, place: str) -> list[str]:
    """What makes a replay the same as an earlier one, which it continues."""
    return [
        f"journal {journal_id_of(args.journal)}",
        f"to {place}",
        f"from {args.since}",
        f"until {args.until}",
        *(f"name {each}" for each in sorted(args.name)),
        *(f"source {each}" for each in sorted(args.source)),
        f"dead letters {args.with_dead_letters}",
    ]


def _stop_on_signals(stop: asyncio.Event, screen: Screen) -> None:
    def asked() -> None:
        if stop.is_set():
            screen.clear()
            # What the store has begun it finishes or rolls back by itself; nothing here has to be undone.
            os._exit(INTERRUPTED)
        stop.set()
        screen.stopping()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
    if sys.stdout.isatty():
        loop.add_signal_handler(signal.SIGHUP, asked)
