from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sql.databases import migrate
from tests.supabase.cluster import SqlError
from tests.supabase.postgres import Postgres

READERS = ("anon", "authenticated", "forebay_reader")
ROLES = (*READERS, "service_role")
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
SHOWN = {"public.metrics", "public.streams", "public.metrics_1m", "public.metrics_1h"}
KEPT = {"public.dead_letters", "public.cursors", "public.feature_flags"}
QUERIES = {
    "forebay_names()",
    "forebay_sessions()",
    "forebay_series(text,numeric,numeric,numeric,text)",
    "forebay_filtered_series(text,numeric,numeric,numeric,text,text,jsonb)",
    "forebay_attributes(text)",
}
NEEDED_BY_QUERIES = {
    "forebay.moment(bigint)",
    "forebay.mean(double precision,double precision,double precision,double precision,bigint)",
}

STATEMENTS = {
    "SELECT": "SELECT * FROM {0} LIMIT 1",
    "INSERT": "INSERT INTO {0} ({1}) SELECT {1} FROM {0} WHERE false",
    "UPDATE": "UPDATE {0} SET {1} = {1}",
    "DELETE": "DELETE FROM {0}",
    "TRUNCATE": "TRUNCATE {0}",
}
TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) || '|' || (
  SELECT quote_ident(attname) FROM pg_attribute
  WHERE attrelid = c.oid AND attnum > 0 AND attidentity = '' ORDER BY attnum LIMIT 1)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'forebay') AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1
"""
FUNCTIONS = """
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname IN ('public', 'forebay') ORDER BY 1
"""


@pytest.fixture(scope="module")
def granted(local_postgres: Postgres, migrated_template: str) -> Iterator[str]:
    """A database as it is after the migrations and a first metric, with a partition made since."""
    name = local_postgres.create_database(template=migrated_template)
    local_postgres.execute("select forebay.add_day('2020-01-01', 0)", name, "postgres")
    local_postgres.execute(
        'insert into metrics (journal_id, "offset", name, value, time, time_ns, session, attributes)'
        """ values ('j', 0, 'n', 1, '1970-01-01Z', 0, 's', '{"gpu":0}');""",
        name,
        "postgres",
    )
    yield name
    local_postgres.drop_database(name)


def lines(postgres: Postgres, database: str, sql: str) -> list[str]:
    return postgres.execute(sql, database).splitlines()


def may(role: str, table: str, verb: str) -> bool:
    """Whether `role` is meant to be allowed `verb` on `table`. What is not named here is for nobody."""
    match role:
        case "service_role":
            return table in SHOWN | KEPT or (table, verb) == ("forebay.dirty_minutes", "SELECT")
        case "forebay_reader":
            return verb == "SELECT" and table in SHOWN | KEPT | {"forebay.dirty_minutes"}
        case _:
            return verb == "SELECT" and table in SHOWN | {"forebay.dirty_minutes"}


def tried(postgres: Postgres, database: str, role: str, statement: str) -> str:
    """What came of `statement` as `role`: "" if it was done, else the server's words."""
    try:
        postgres.execute(f"BEGIN; SET LOCAL ROLE {role}; {statement}; ROLLBACK", database)
    except SqlError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("role", ROLES)
def test_every_verb_on_every_table(local_postgres: Postgres, granted: str, role: str) -> None:
    """Each verb is tried on each table of the catalog, partitions included: what is meant to be allowed
    passes, everything else is refused for want of a right."""
    tables = [line.split("|") for line in lines(local_postgres, granted, TABLES)]
    assert {table for table, _ in tables} > SHOWN | KEPT
    wrong: list[str] = []
    for table, column in tables:
        for verb, statement in STATEMENTS.items():
            said = tried(local_postgres, granted, role, statement.format(table, column))
            refused = "permission denied" in said
            if (said != "" and not refused) or refused is may(role, table, verb):
                wrong.append(f"{role} {verb} {table}: {said or 'done'}")
    assert wrong == []


@pytest.mark.parametrize("role", [*ROLES, "public"])
def test_every_right_in_the_catalog(local_postgres: Postgres, granted: str, role: str) -> None:
    """The catalog says the same of all rights, those that no statement shows included, on columns and
    sequences too; PUBLIC has none."""
    tables = [line.split("|")[0] for line in lines(local_postgres, granted, TABLES)]
    asked = [(table, verb) for table in tables for verb in VERBS]
    if role == "public":
        sql = (
            "SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,"
            " aclexplode(c.relacl) a WHERE n.nspname IN ('public', 'forebay') AND a.grantee = 0"
        )
        assert lines(local_postgres, granted, sql) == []
        return
    sql = " UNION ALL ".join(f"SELECT has_table_privilege('{role}', '{t}', '{v}')" for t, v in asked)
    found = [line == "t" for line in lines(local_postgres, granted, sql)]
    assert [pair for pair, has in zip(asked, found, strict=True) if has != may(role, *pair)] == []
    columns = f"SELECT count(*) FROM pg_attribute WHERE attacl IS NOT NULL AND attacl::text LIKE '%{role}=%'"
    assert lines(local_postgres, granted, columns) == ["0"]


@pytest.mark.parametrize("role", ROLES)
def test_every_function(local_postgres: Postgres, granted: str, role: str) -> None:
    """Each role may execute the queries and the arithmetic inside them; service_role may maintain."""
    functions = lines(local_postgres, granted, FUNCTIONS)
    assert {*QUERIES, *NEEDED_BY_QUERIES, "forebay_maintain(integer)"} < set(functions)
    sql = " UNION ALL ".join(f"SELECT has_function_privilege('{role}', '{f}', 'EXECUTE')" for f in functions)
    found = {f for f, has in zip(functions, lines(local_postgres, granted, sql), strict=True) if has == "t"}
    maintains = {"forebay_maintain(integer)"} if role == "service_role" else set()
    assert found == QUERIES | NEEDED_BY_QUERIES | maintains


@pytest.mark.parametrize("role", READERS)
def test_readers_see_rows_and_may_ask(local_postgres: Postgres, granted: str, role: str) -> None:
    """Row-level security hides nothing of what a reader may read, and the queries answer it."""
    for statement in (
        "SELECT 1 / count(*) FROM metrics",
        "SELECT 1 / count(*) FROM streams",
        "SELECT 1 / count(*) FROM forebay_names()",
        "SELECT 1 / count(*) FROM forebay_series('n', 0, 10, 10)",
        "SELECT 1 / count(*) FROM forebay_series('n', -60000000000, 60000000000, 60000000000)",
        "SELECT 1 / count(*) FROM forebay_sessions()",
        """SELECT 1 / count(*) FROM forebay_filtered_series('n', 0, 10, 10, '', 's', '{"gpu":"0"}')""",
        "SELECT 1 / count(*) FROM forebay_filtered_series('n', 0, 60000000000, 60000000000)",
        "SELECT 1 / count(*) FROM forebay_attributes('n')",
    ):
        assert tried(local_postgres, granted, role, statement) == ""
    said = tried(local_postgres, granted, role, "SELECT forebay_maintain()")
    assert "permission denied for function forebay_maintain" in said


def test_service_role_works_without_bypassing(plain_postgres: Postgres) -> None:
    """On a PostgreSQL where service_role does not bypass row-level security, policies let it do its work."""
    name = plain_postgres.create_database()
    plain_postgres.execute("create role service_role nologin", name)
    try:
        migrate(plain_postgres, name)
        work = (
            'insert into metrics (journal_id, "offset", name, value, time, time_ns)'
            " values ('j', 0, 'n', 1, '1970-01-01Z', 0) on conflict do nothing;"
            "insert into cursors values ('j', 's', 1) on conflict (journal_id, store) do update"
            ' set "offset" = excluded."offset";'
            "select 1 / count(*) from metrics; select 1 / count(*) from cursors; select forebay_maintain(30)"
        )
        assert tried(plain_postgres, name, "service_role", work) == ""
    finally:
        plain_postgres.execute("drop owned by service_role", name)
        plain_postgres.execute("drop role service_role")


def test_every_table_has_row_level_security(local_postgres: Postgres, granted: str) -> None:
    """Also partitions that were made after the migrations."""
    sql = (
        "SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname IN ('public', 'forebay') AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity"
    )
    assert lines(local_postgres, granted, sql) == []


def test_functions_pin_their_search_path(local_postgres: Postgres, granted: str) -> None:
    """No function can be led astray by who calls it; those of one SQL expression are bound already."""
    sql = (
        "SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname IN ('public', 'forebay') AND p.prosqlbody IS NULL"
        " AND NOT 'search_path=\"\"' = ANY (coalesce(p.proconfig, '{}'))"
    )
    assert lines(local_postgres, granted, sql) == []


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_private_channels(local_postgres: Postgres, granted: str, role: str) -> None:
    """Browsers may listen on forebay:… and on no other channel for our sake, and may send on none of them,
    even where the project lets everybody send."""
    policy = "CREATE POLICY everybody_sends ON realtime.messages FOR INSERT TO PUBLIC WITH CHECK (true)"
    for topic, heard in (("forebay:live", True), ("elsewhere", False), ("xforebay:live", False)):
        listen = (
            f"INSERT INTO realtime.messages (topic, extension) VALUES ('{topic}', 'broadcast');"
            f"SET LOCAL ROLE {role}; SELECT set_config('realtime.topic', '{topic}', true);"
            "SELECT 1 / count(*) FROM realtime.messages"
        )
        assert (tried(local_postgres, granted, "supabase_admin", listen) == "") is heard
        send = (
            f"{policy}; SET LOCAL ROLE {role}; SELECT set_config('realtime.topic', '{topic}', true);"
            f"INSERT INTO realtime.messages (topic, extension) VALUES ('{topic}', 'broadcast')"
        )
        said = tried(local_postgres, granted, "supabase_admin", send)
        assert ("row-level security" in said) is topic.startswith("forebay:")
