"""What can go wrong within a database, brought about by SQL: each lasts for a `with` block."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from tests.supabase.postgres import Postgres


def drop_connections(postgres: Postgres, database: str) -> None:
    """End every other session of `database`, as a failover does: clients see 57P01."""
    postgres.execute(
        f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'", "template1"
    )


@contextlib.contextmanager
def read_only(postgres: Postgres, database: str) -> Generator[None]:
    """Writes fail with 25006, as on a hosted project whose disk is nearly full."""
    with _setting(postgres, f"database {database}", "default_transaction_read_only", "on", database):
        yield


@contextlib.contextmanager
def statement_timeout(postgres: Postgres, database: str, milliseconds: int) -> Generator[None]:
    """Statements that take longer fail with 57014, over PostgREST and over connections of `postgres`."""
    with contextlib.ExitStack() as stack:
        for role in ("authenticator", "postgres"):
            whom = f"role {role} in database {database}"
            stack.enter_context(_setting(postgres, whom, "statement_timeout", f"{milliseconds}ms", database))
        yield


@contextlib.contextmanager
def slow_rows(postgres: Postgres, database: str, table: str, rows_per_second: float) -> Generator[None]:
    """Each row inserted into `table` takes its time; the statement time-out is as it was."""
    postgres.execute(
        f"""
        create schema if not exists faults;
        grant usage on schema faults to public;
        create function faults.wait() returns trigger language plpgsql as $$
          begin perform pg_sleep({1 / rows_per_second}); return new; end $$;
        create trigger a_fault before insert on {table} for each row execute function faults.wait();
        """,
        database,
    )
    try:
        yield
    finally:
        drop_connections(postgres, database)
        postgres.execute("drop function faults.wait() cascade", database)


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
