"""Which rows of a batch break the checks of the table: asked of the server, all at once.

COPY stops at the first bad row. To find 80 among 16,384 one by one, or by halving, would send most of them
many times; here they are staged in a table without checks, and each check is a query.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from actors.stores.base import Refusal
from actors.stores.postgres_connections import Connection
from actors.stores.postgres_rows import COPIED, literal
from journal.metric import Offset

_STAGE = "CREATE TEMP TABLE forebay_suspects (LIKE public.metrics) ON COMMIT DROP"

_COLUMNS = [column.strip(' "') for column in COPIED.split(",")]

_CHECKS = """
SELECT conname, pg_get_expr(conbin, conrelid) FROM pg_catalog.pg_constraint
WHERE conrelid = 'public.metrics'::regclass AND contype = 'c' ORDER BY conname
"""


async def rows_that_break_checks(connection: Connection, encoded: AsyncIterator[bytes]) -> Sequence[Refusal]:
    """A Refusal for each row of `encoded`, a binary COPY, that breaks a check of the table metrics.

    `connection` is in a transaction, which must not be committed. Raises asyncpg.PostgresError for checks
    that are no queries of a single row.
    """
    await connection.execute(_STAGE)
    await connection.copy_to_table(
        "forebay_suspects", source=encoded, schema_name="pg_temp", columns=_COLUMNS, format="binary"
    )
    checks = [(str(name), str(expression)) for name, expression in await connection.fetch(_CHECKS)]
    if not checks:
        return []
    query = " UNION ALL ".join(_violations(name, expression) for name, expression in checks)
    broken: dict[int, list[str]] = {}
    for offset, name in await connection.fetch(f"{query} ORDER BY 1, 2"):
        broken.setdefault(offset, []).append(name)
    return [
        Refusal(Offset(offset), "check", f"violates check constraint {', '.join(names)}")
        for offset, names in broken.items()
    ]


def _violations(name: str, expression: str) -> str:
    return f'SELECT "offset",{literal(name)} FROM pg_temp.forebay_suspects WHERE NOT ({expression})'
