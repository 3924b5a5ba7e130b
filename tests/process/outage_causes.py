"""Every outage of the matrix, brought about for real: servers stopped, on the wire, in the database."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager

from tests.process import outages
from tests.process.forebay import Forebay
from tests.process.outages import Outage, Scene
from tests.supabase import database_faults
from tests.supabase.faults import (
    Answer,
    BlackHole,
    Fault,
    ResetMidRequest,
    TooManyRequests,
    Unavailable,
)

WRONG_KEY = Answer(401, '{"message":"Invalid API key","hint":"Double check your Supabase API key."}')
AWAY = frozenset({"outage"})
REFUSED = frozenset({"denied"})
CHANCE = frozenset({"transient"})
THROTTLED = frozenset({"throttled"})


@contextlib.contextmanager
def postgrest_stopped(scene: Scene) -> Generator[None]:
    scene.supabase.postgrest.stop()
    try:
        yield
    finally:
        scene.supabase.postgrest.start()


@contextlib.contextmanager
def postgres_stopped(scene: Scene) -> Generator[None]:
    scene.supabase.postgres.stop()
    try:
        yield
    finally:
        scene.supabase.postgres.start()


@contextlib.contextmanager
def nobody_listens(scene: Scene) -> Generator[None]:
    scene.supabase.stop_db_proxy()
    try:
        yield
    finally:
        scene.supabase.start_db_proxy()


def on_the_wire(fault: Fault) -> Callable[[Scene], AbstractContextManager[None]]:
    """`fault` in front of the store; open connections to PostgreSQL are dropped, to suffer it too."""

    @contextlib.contextmanager
    def begin(scene: Scene) -> Generator[None]:
        supabase = scene.supabase
        faults = supabase.faults if scene.kind == "supabase" else supabase.db_faults
        with faults.during(fault):
            if scene.kind != "supabase":
                database_faults.drop_connections(supabase.postgres, supabase.database)
            yield

    return begin


@contextlib.contextmanager
def wrong_password(scene: Scene) -> Generator[None]:
    postgres = scene.supabase.postgres
    postgres.execute("alter role postgres password 'another'")
    database_faults.drop_connections(postgres, scene.supabase.database)
    try:
        yield
    finally:
        postgres.execute(f"alter role postgres password '{postgres.password}'")


@contextlib.contextmanager
def table_dropped(scene: Scene) -> Generator[None]:
    """Its metrics go with it. Afterwards the schema is made as new, by the command."""
    scene.sql("drop table metrics cascade")
    try:
        yield
    finally:
        forget_schema(scene)
        maker = Forebay(scene.home / "migrate", env=scene.environment())
        try:
            made = maker.command("db", "migrate")
            assert made.returncode == 0, made.stderr
        finally:
            maker.close()


def forget_schema(scene: Scene) -> None:
    """Nothing of what migrations made is left, nor their record."""
    scene.sql(
        """
        drop schema forebay cascade;
        do $$ declare each record; begin
          for each in select oid::regclass as name from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
          loop execute format('drop table if exists %s cascade', each.name); end loop;
          for each in select oid::regprocedure as name from pg_proc
            where pronamespace = 'public'::regnamespace and proname like 'forebay%'
          loop execute format('drop function if exists %s cascade', each.name); end loop;
          for each in select oid::regtype as name from pg_type
            where typnamespace = 'public'::regnamespace and typname like 'forebay%'
          loop execute format('drop type if exists %s cascade', each.name); end loop;
        end $$;
        delete from supabase_migrations.schema_migrations;
        """
    )


@contextlib.contextmanager
def read_only(scene: Scene) -> Generator[None]:
    with database_faults.read_only(scene.supabase.postgres, scene.supabase.database):
        yield


@contextlib.contextmanager
def statement_timeout(scene: Scene) -> Generator[None]:
    """Every row takes longer than a statement may."""
    postgres, database = scene.supabase.postgres, scene.supabase.database
    with (
        outages.slow(scene, 0.5, "row"),
        database_faults.statement_timeout(postgres, database, 250),
    ):
        yield


@contextlib.contextmanager
def a_row_a_second(scene: Scene) -> Generator[None]:
    with outages.slow(scene, 1, "row"):
        yield
        scene.drop_connections()


IN_THE_DATABASE = (
    Outage("postgres-stopped", postgres_stopped, "refused|HTTP 503|hangs up at once", AWAY),
    Outage("table-dropped", table_dropped, "run `forebay db migrate`", REFUSED),
    Outage("read-only", read_only, "read-only transaction", AWAY),
    Outage("statement-time-out", statement_timeout, "due to statement timeout", CHANCE, opens=False),
    Outage("a-row-a-second", a_row_a_second, "no answer|statement timeout", AWAY | CHANCE, opens=False),
)
OUTAGES = {
    "supabase": (
        Outage("503", on_the_wire(Unavailable()), "HTTP 503", AWAY),
        Outage("429", on_the_wire(TooManyRequests(1)), "too many requests", THROTTLED, opens=False),
        Outage("postgrest-stopped", postgrest_stopped, "HTTP 502", AWAY),
        Outage("black-hole", on_the_wire(BlackHole()), "no answer within 2 s", AWAY),
        Outage("reset-mid-request", on_the_wire(ResetMidRequest()), "connection broke", AWAY),
        Outage("wrong-key", on_the_wire(WRONG_KEY), "check SUPABASE_SERVICE_ROLE_KEY", REFUSED),
        *IN_THE_DATABASE,
    ),
    "postgresql": (
        Outage("nobody-listens", nobody_listens, "refused", AWAY),
        Outage("black-hole", on_the_wire(BlackHole()), "no answer within 2 s", AWAY),
        Outage("reset-mid-request", on_the_wire(ResetMidRequest(1_000)), "connection", AWAY),
        Outage("starting-up", on_the_wire(Unavailable()), "not yet accepting", CHANCE, opens=False),
        Outage("too-many-clients", on_the_wire(TooManyRequests()), "too many clients", AWAY),
        Outage("wrong-password", wrong_password, "check user and password", REFUSED),
        *IN_THE_DATABASE,
    ),
}
