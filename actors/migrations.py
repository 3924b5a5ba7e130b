"""The tables of the configured stores, brought up to date and compared with the files in `sql/`.

In PostgreSQL what was applied is kept as the Supabase CLI keeps it, in
`supabase_migrations.schema_migrations`: `supabase db push` and `forebay db migrate` know of each other. The
table is the whole project's, so a version that is not ours may be the project's own and is no reason to stop.
Source: supabase/cli, pkg/migration/history.go and pkg/parser.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import msgspec

from actors.config import StoreUrl
from actors.stores import sqlite_tables
from actors.stores.base import DeniedError, OutageError
from actors.stores.sqlite_errors import FAILURES, classify
from sql import Migration, migrations

if TYPE_CHECKING:
    import asyncpg

POSTGRES = "supabase/migrations"
SQLITE = "sqlite"

CONNECT_TIMEOUT = 10.0
"""Seconds until a database that does not answer is an error."""

State: TypeAlias = Literal["applied", "pending", "edited", "unknown"]
"""applied: as in its file · pending: not yet · edited: the file has changed since · unknown: no file."""


class Standing(msgspec.Struct, frozen=True):
    """How a database and one migration stand to each other."""

    version: str
    title: str
    state: State


class Applied(NamedTuple):
    """What a database says of a migration; `same` is whether a text is the one that was applied."""

    title: str
    same: bool | None


class MigrationFailedError(DeniedError):
    """The database refused a migration, and is as it was before that one."""

    def __init__(self, store: str, migration: Migration, reason: str) -> None:
        self.migration = migration
        super().__init__(store, f"migration {migration.version}_{migration.title} failed: {reason}")


class MigrationsUnreadableError(DeniedError):
    """The database answers, and refuses to say what was applied to it."""

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(store, f"what was applied cannot be read: {reason}; see who may, and the URL")


class DatabaseUnreachableError(OutageError):
    """Nobody answers at the database's address, or not as PostgreSQL does."""

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(store, f"cannot be reached: {reason}; see that it runs, and the URL")


class DatabaseRefusesError(DeniedError):
    """PostgreSQL answers, and does not let us in."""

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(store, f"refuses us: {reason}; see user, password and database in the URL")


class DatabaseUrlError(DeniedError):
    """The database's URL is not one that can be used; what is wrong with it is told without its parts."""

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(store, f"the database's URL {reason}; see --store, or SUPABASE_DB_URL")


_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|(?P<end>;)",
    re.DOTALL,
)


def statements(script: str) -> list[str]:
    """The statements of `script` as the Supabase CLI records them: comments kept, the last semicolon not."""
    ends = [found.end() for found in _TOKEN.finditer(script) if found["end"]]
    cuts = zip([0, *ends], [*ends, len(script)], strict=True)
    return [text for start, end in cuts if (text := script[start:end].rstrip(";").strip())]


def same_text(script: str, applied: Sequence[str] | None) -> bool | None:
    """Whether `applied` are the statements of `script`, white space aside; None if they were not recorded."""
    if not applied:
        return None
    return _squeezed(applied) == _squeezed(statements(script))


def _squeezed(texts: Sequence[str]) -> str:
    return "".join(";".join(texts).replace(";", "").split())


def compare(known: Sequence[Migration], applied: Mapping[str, Applied]) -> list[Standing]:
    """Every migration of either side, oldest first."""
    found = {version: Standing(version, had.title, "unknown") for version, had in applied.items()}
    for migration in known:
        had = applied.get(migration.version)
        state: State = "pending" if had is None else "edited" if had.same is False else "applied"
        found[migration.version] = Standing(migration.version, migration.title, state)
    return [found[version] for version in sorted(found)]


def sqlite_standings(store: str, path: str) -> list[Standing]:
    """How the SQLite database at `path` stands; all pending where there is none. Changes nothing."""
    known = migrations(SQLITE)
    with _classified(store, path):
        try:
            os.stat(path)
        except FileNotFoundError:
            return compare(known, {})
    with _classified(store, path), closing(sqlite_tables.connect_for_reading(path)) as connection:
        there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'").fetchone()
        rows: list[tuple[str, str, str]] = (
            connection.execute("SELECT version, title, digest FROM schema_migrations").fetchall()
            if there
            else []
        )
    digests = {migration.version: migration.digest for migration in known}
    return compare(
        known, {version: Applied(title, digests.get(version) == digest) for version, title, digest in rows}
    )


def migrate_sqlite(store: str, path: str) -> list[Migration]:
    """Apply what the SQLite database at `path`, made if need be, is missing, and return that.

    Raises StoreError; the database is then as it was.
    """
    with _classified(store, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with closing(sqlite_tables.connect_for_writing(path)) as connection:
            return sqlite_tables.migrate(connection, store, path, migrations(SQLITE))


@contextmanager
def _classified(store: str, path: str) -> Generator[None]:
    try:
        yield
    except FAILURES as error:
        raise classify(store, path, error) from error


_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('forebay db migrate', 0))"
_THERE = "SELECT to_regclass('supabase_migrations.schema_migrations') IS NOT NULL"
# The CLI's table has had these columns one after the other; an old one may lack the last two.
_READ = "SELECT version, to_json(m)::text FROM supabase_migrations.schema_migrations m"
_RECORD_TABLE = """
CREATE SCHEMA IF NOT EXISTS supabase_migrations;
CREATE TABLE IF NOT EXISTS supabase_migrations.schema_migrations (version text NOT NULL PRIMARY KEY);
ALTER TABLE supabase_migrations.schema_migrations ADD COLUMN IF NOT EXISTS statements text[];
ALTER TABLE supabase_migrations.schema_migrations ADD COLUMN IF NOT EXISTS name text;
"""
_RECORD = "INSERT INTO supabase_migrations.schema_migrations (version, name, statements) VALUES ($1, $2, $3)"


class _Recorded(msgspec.Struct, frozen=True):
    name: str | None = None
    statements: list[str] | None = None


async def postgres_standings(store: str, url: str) -> list[Standing]:
    """How the PostgreSQL database at `url` stands. Changes nothing. Raises StoreError, without the URL."""
    import asyncpg

    async with _connected(store, url) as connection:
        try:
            return compare(migrations(POSTGRES), await _applied(connection))
        except (asyncpg.PostgresError, msgspec.MsgspecError) as error:
            raise MigrationsUnreadableError(store, str(error)) from error


async def migrate_postgres(store: str, url: str) -> list[Migration]:
    """Apply what the PostgreSQL database at `url` is missing, and return that. Of two at once the second
    waits, and finds nothing to do. Who writes meanwhile finds all the new tables or none: rows that come
    between two migrations would not be counted by what the second brings. Of those before one that fails
    all are kept.

    Raises EditedMigrationError before anything is applied, MigrationFailedError and other StoreErrors.
    """
    import asyncpg

    known = migrations(POSTGRES)
    done: list[Migration] = []
    failed: asyncpg.PostgresError | None = None
    async with _connected(store, url) as connection:
        at = known[0]
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '60s'")
                await connection.execute(_LOCK)
                applied = await _applied(connection)
                _refuse_edited(store, known, applied)
                for at in known:
                    if at.version in applied:
                        continue
                    try:
                        async with connection.transaction():
                            await connection.execute(_RECORD_TABLE)
                            await connection.execute(at.sql)
                            await connection.execute(_RECORD, at.version, at.title, statements(at.sql))
                    except asyncpg.PostgresError as error:
                        failed = error
                        break
                    done.append(at)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise MigrationFailedError(store, at, str(error) or type(error).__name__) from error
    if failed is not None:
        raise MigrationFailedError(store, at, str(failed) or type(failed).__name__) from failed
    return done


def _refuse_edited(store: str, known: Sequence[Migration], applied: Mapping[str, Applied]) -> None:
    for migration in known:
        had = applied.get(migration.version)
        if had is not None and had.same is False:
            raise sqlite_tables.EditedMigrationError(store, "the database", migration)


async def _applied(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, Applied]:
    if not await connection.fetchval(_THERE):
        return {}
    texts = {migration.version: migration.sql for migration in migrations(POSTGRES)}
    found: dict[str, Applied] = {}
    for version, row in await connection.fetch(_READ):
        recorded = msgspec.json.decode(row, type=_Recorded)
        same = same_text(texts[version], recorded.statements) if version in texts else None
        found[version] = Applied(recorded.name or "", same)
    return found


@asynccontextmanager
async def _connected(store: str, url: str) -> AsyncGenerator[asyncpg.Connection[asyncpg.Record]]:
    import asyncpg

    from actors.stores.postgres_errors import Target

    try:
        # The project's page has been known to show it as postgres://, which asyncpg takes too.
        StoreUrl(re.sub("^postgres:", "postgresql:", url))
    except ValueError as error:
        raise DatabaseUrlError(store, str(error)) from None
    try:
        # Without prepared statements that outlive a transaction: Supabase's pooler hands out connections so.
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT, statement_cache_size=0)
    except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        said = " ".join(Target(store, url).hidden(str(error)).split()) or type(error).__name__
        refused = isinstance(
            error, asyncpg.InvalidAuthorizationSpecificationError | asyncpg.InvalidCatalogNameError
        )
        raise (DatabaseRefusesError if refused else DatabaseUnreachableError)(store, said) from error
    except (ValueError, OverflowError):
        # The text of either repeats a part of the URL.
        raise DatabaseUrlError(store, "has options that cannot be read") from None
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT)
