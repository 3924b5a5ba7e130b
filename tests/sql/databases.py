"""Databases with our tables, and metrics in them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

import asyncpg

from sql import migrations
from tests.supabase.postgres import Postgres

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = 60 * 10**9, 3600 * 10**9, 86400 * 10**9

SUPABASE_ROLES = "anon, authenticated, service_role, authenticator, supabase_realtime_admin"

PLAIN = f"""
drop event trigger pgrst_ddl_watch;
drop event trigger pgrst_drop_watch;
drop schema if exists auth, realtime, extensions cascade;
drop publication supabase_realtime;
drop owned by {SUPABASE_ROLES} cascade;
alter default privileges for role postgres in schema public
  revoke all on tables from anon, authenticated, service_role;
"""
"""Takes out of a database what Supabase has put there."""

INSERT = """
INSERT INTO public.metrics (journal_id, "offset", name, value, "time", time_ns, kind, unit, source, session)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::double precision[], $5::timestamptz[],
  $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[])
ON CONFLICT DO NOTHING
"""


def migrate(postgres: Postgres, database: str, user: str = "postgres") -> None:
    """Apply every migration with psql, each in one transaction."""
    for migration in migrations("supabase/migrations"):
        postgres.execute(f"begin;\n{migration.sql}\n;commit;", database, user)


def moment(ns: int) -> datetime:
    """Nanoseconds since the epoch as PostgreSQL has them, rounded down to microseconds."""
    return EPOCH + timedelta(microseconds=ns // 1000)


class Sent(NamedTuple):
    """A metric as tests send it; its offset is its identity in `journal_id`."""

    offset: int
    value: float = 1.0
    time: int = 0
    name: str = "load"
    source: str = ""
    session: str = ""
    kind: str = "gauge"
    unit: str = ""
    journal_id: str = "journal"

    def row(self) -> tuple[Any, ...]:
        """The parameters of INSERT, one of each."""
        return (
            self.journal_id, self.offset, self.name, self.value, moment(self.time), self.time,
            self.kind, self.unit, self.source, self.session,
        )  # fmt: skip


async def send(connection: Connection, metrics: Iterable[Sent]) -> None:
    """Insert `metrics` in one statement; those that are there already are left out."""
    rows = [metric.row() for metric in metrics]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(10)]
    await connection.execute(INSERT, *columns)


async def maintain(connection: Connection, keep_days: int | None = None) -> asyncpg.Record:
    """Call forebay_maintain until no minute is left, and return its last answer."""
    while True:
        done = await connection.fetchrow("SELECT * FROM forebay_maintain($1)", keep_days)
        assert done is not None
        if not done["minutes_left"]:
            return done
