"""`forebay db`: the tables of the stores, brought up to date or looked at."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from actors.cli.exits import FAILED, FINE, USAGE, CommandError
from actors.cli.settings_flags import add_settings, settings_from
from actors.cli.terminal import Colour, paint

if TYPE_CHECKING:
    from actors.config import Settings, StoreUrl
    from actors.migrations import Standing

_EPILOG = """\
examples:
  forebay db migrate --dry-run        what would be applied to the stores?
  forebay db migrate                  apply it
  forebay db status                   what is applied, pending or edited?
  forebay db status --store postgresql://forebay@db.example/metrics --json

A supabase: store is reached through SUPABASE_DB_URL, which nothing else needs.
What was applied is kept as the Supabase CLI keeps it, so that `supabase db
push` agrees. Exit code 1 when something is pending or edited (status), or could
not be applied (migrate).
"""

_COLOURS: dict[str, Colour] = {"applied": "green", "pending": "yellow", "edited": "red", "unknown": "dim"}

T = TypeVar("T")


def add(parser: ArgumentParser) -> None:
    """The command's flags, and its two commands."""
    parser.epilog = _EPILOG
    commands = parser.add_subparsers(dest="action", metavar="migrate|status", required=True)
    migrate = commands.add_parser(
        "migrate", help="apply what the stores are missing", description="Apply what the stores are missing."
    )
    migrate.add_argument("--dry-run", action="store_true", help="say what would be applied, apply nothing")
    status = commands.add_parser(
        "status",
        help="say what is applied, pending or edited",
        description="Say what is applied, pending or edited.",
    )
    status.add_argument("--json", action="store_true", help="print a JSON array")
    for command in (migrate, status):
        add_settings(command, only=("data", "store"))
        command.epilog = "See `forebay db --help` for examples."


def run(args: Namespace) -> int:
    """0 when all tables are as they should be, 1 when not. Raises all that failed, after every store."""
    settings = settings_from(args).settings
    if args.action == "status":
        return _status(settings, as_json=args.json)
    return _migrate(settings, dry=args.dry_run)


def _migrate(settings: Settings, dry: bool) -> int:
    from actors.migrations import migrate_postgres, migrate_sqlite

    def one(url: StoreUrl) -> None:
        if dry:
            _tell_pending(url, _standings(url, settings))
            return
        if url.scheme == "memory":
            print(f"{url.label}: has no tables")
            return
        if url.scheme == "sqlite":
            applied = migrate_sqlite(url.label, _sqlite_path(url, settings))
        else:
            applied = asyncio.run(migrate_postgres(url.label, _database_url(url, settings)))
        for migration in applied:
            print(f"{paint('✓', 'green')} {url.label}: applied {migration.version}_{migration.title}")
        if not applied:
            print(f"{paint('✓', 'green')} {url.label}: up to date")

    _each_store(settings, one)
    return FINE


def _tell_pending(url: StoreUrl, standings: list[Standing]) -> None:
    pending = [standing for standing in standings if standing.state == "pending"]
    for standing in pending:
        print(f"{url.label}: would apply {standing.version}_{standing.title}")
    if not pending:
        print(f"{url.label}: nothing to apply")


def _status(settings: Settings, as_json: bool) -> int:
    import msgspec

    found = _each_store(settings, lambda url: (str(url), _standings(url, settings)))
    if as_json:
        stores = [{"store": store, "migrations": standings} for store, standings in found]
        print(json.dumps(msgspec.to_builtins(stores), indent=2))
    else:
        for store, standings in found:
            for standing in standings:
                state = paint(standing.state.ljust(7), _COLOURS[standing.state])
                print(f"{state}  {standing.version}_{standing.title}  {paint(store, 'dim')}")
    wrong = {standing.state for _, standings in found for standing in standings} & {"pending", "edited"}
    return FAILED if wrong else FINE


def _each_store(settings: Settings, do: Callable[[StoreUrl], T]) -> list[T]:
    """What `do` returns for every store. One that fails does not keep the others from their turn."""
    done: list[T] = []
    errors: list[Exception] = []
    for url in settings.store:
        try:
            done.append(do(url))
        except Exception as error:  # noqa: BLE001 - raised below, with the others
            errors.append(error)
    if errors:
        raise ExceptionGroup("stores whose tables are not up to date", errors)
    return done


def _standings(url: StoreUrl, settings: Settings) -> list[Standing]:
    from actors.migrations import postgres_standings, sqlite_standings

    match url.scheme:
        case "memory":
            return []
        case "sqlite":
            return sqlite_standings(url.label, _sqlite_path(url, settings))
        case _:
            return asyncio.run(postgres_standings(url.label, _database_url(url, settings)))


def _sqlite_path(url: StoreUrl, settings: Settings) -> str:
    from actors.stores.factory import make_store
    from actors.stores.sqlite import SqliteStore

    store = make_store(url.reveal(), settings.data)
    assert isinstance(store, SqliteStore)
    return store.path


def _database_url(url: StoreUrl, settings: Settings) -> str:
    if url.scheme != "supabase":
        return url.reveal()
    if settings.supabase.db_url is None:
        raise CommandError(
            "store supabase: its tables are reached through the database itself: set SUPABASE_DB_URL to the "
            "connection string that the project's page shows under Connect, postgresql://…",
            USAGE,
        )
    return settings.supabase.db_url.reveal()
