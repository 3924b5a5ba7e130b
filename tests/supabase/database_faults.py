"""What can go wrong within a database, brought about by SQL: each lasts for a `with` block.

Where a setting changes, the sessions that have the old one are ended, as in a failover: a client meets a lost
connection first, and PostgREST answers 503 until it has read the schema anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator

from tests.supabase.cluster import SqlError
from tests.supabase.postgres import Postgres

_QUIET = "set event_triggers = off;"
"""So that PostgREST does not read the schema anew for the sake of a fault."""


def drop_connections(postgres: Postgres, database: str) -> None:
    """End every session of `database`: each open connection, of PostgREST's pool too, says 57P01 once."""
    sessions = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'"
    postgres.execute(sessions, "template1")


@contextlib.contextmanager
def read_only(postgres: Postgres, database: str) -> Generator[None]:
    """Writes fail with 25006, as on a hosted project whose disk is nearly full; PostgREST, which asks for
    transactions that may write, is refused by each table."""
    refuse = (
        "raise sqlstate '25006' using message = 'cannot execute ' || tg_op || ' in a read-only transaction';"
    )
    with (
        _triggers(postgres, database, "insert or update or delete", "statement", refuse),
        _setting(postgres, f"database {database}", "default_transaction_read_only", "on", database),
    ):
        yield


@contextlib.contextmanager
def statement_timeout(postgres: Postgres, database: str, milliseconds: int) -> Generator[None]:
    """Statements that take longer fail with 57014, over PostgREST and over connections of `postgres`.

    PostgREST needs some hundred milliseconds to read the schema.
    """
    with contextlib.ExitStack() as stack:
        for role in ("authenticator", "postgres"):
            whom = f"role {role} in database {database}"
            stack.enter_context(_setting(postgres, whom, "statement_timeout", f"{milliseconds}ms", database))
        yield


@contextlib.contextmanager
def slow_rows(postgres: Postgres, database: str, rows_per_second: float) -> Generator[None]:
    """Each row that is inserted anywhere takes its time; the statement time-outs are as they were."""
    wait = f"perform pg_sleep({1 / rows_per_second}); return new;"
    with _triggers(postgres, database, "insert", "row", wait):
        yield


@contextlib.contextmanager
def _triggers(postgres: Postgres, database: str, events: str, level: str, body: str) -> Generator[None]:
    """Every table of `public` has a trigger of this body, which comes before any other."""
    postgres.execute(
        f"""
        {_QUIET}
        create schema faults;
        create function faults.happen() returns trigger language plpgsql as $$ begin {body} end $$;
        do $$ declare one regclass; begin
          for one in select oid from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
          loop
            execute format(
              'create trigger " fault" before {events} on %s
                for each {level} execute function faults.happen()',
              one
            );
          end loop;
        end $$;
        """,
        database,
    )
    try:
        yield
    finally:
        drop_connections(postgres, database)  # who waits would hold the tables
        postgres.execute(f"{_QUIET} drop schema faults cascade", database)


@contextlib.contextmanager
def _setting(postgres: Postgres, whom: str, name: str, value: str, database: str) -> Generator[None]:
    """Sessions begun meanwhile have the setting; those of before and after are ended so that none differs."""
    postgres.execute(f"alter {whom} set {name} = '{value}'")
    drop_connections(postgres, database)
    try:
        yield
    finally:
        postgres.execute(f"alter {whom} reset {name}")
        drop_connections(postgres, database)


def despite_deadlocks(run: Callable[[str], object], statement: str, attempts: int = 20) -> None:
    """Run `statement`, again where PostgreSQL gave it up for another that it and that one waited for."""
    for left in reversed(range(attempts)):
        try:
            run(statement)
        except SqlError as error:
            if "deadlock" not in str(error) or not left:
                raise
        else:
            return
