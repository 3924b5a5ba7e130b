"""Of what kind an error of asyncpg is: the server's by SQLSTATE, the driver's and network's here. Pure."""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg
import msgspec

from actors.stores.base import DeniedError, OutageError, PoisonError, Refusal, Row, StoreError
from actors.stores.sqlstate import classify_sqlstate

_UNSENDABLE = (OverflowError, UnicodeEncodeError, msgspec.MsgspecError)
"""Values that cannot be encoded. The precheck finds those of metrics before."""

FAILURES = (
    StoreError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    EOFError,
    ValueError,
    *_UNSENDABLE,
)
"""What `classify` is for; a TimeoutError is an OSError, and a ValueError what asyncpg raises over a URL that
it cannot read. Anything else is our mistake, and crashes."""

_LINE = re.compile(r"^COPY metrics, \D+ (\d+)", re.MULTILINE)

_SEEN_AT_ITS_ROW = frozenset({"23502", "23514", "P0001"})
"""What COPY finds while it reads the guilty row, so that its line in the error's context is that row's. A key
or an index is looked at later, when a buffer is full; the line is then not to be relied on."""


class Target:
    """The database at the URL `dsn`, as errors may show it: without its password."""

    def __init__(self, store: str, dsn: str) -> None:
        self.store = store
        try:
            parts = urlsplit(dsn)
            told = [value for name, value in parse_qsl(parts.query) if name.endswith("password")]
            self._secrets = {
                secret for secret in (dsn, parts.password, unquote(parts.password or ""), *told) if secret
            }
            host = parts.netloc.rpartition("@")[2]
            self.place = f"{host or 'localhost'}{parts.path}"
        except ValueError:
            self._secrets = {dsn}
            self.place = "PostgreSQL"

    def hidden(self, text: str) -> str:
        """`text` with the password, and the URL that holds it, as ***."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def classify(target: Target, error: Exception) -> StoreError:
    """`error`, raised while working on `target`, as a StoreError.

    What is not known is an outage: it holds the cursor, and nothing is lost by waiting.
    """
    store, place = target.store, target.place
    said = target.hidden(str(error)) or type(error).__name__
    match error:
        case StoreError():
            return error
        case asyncpg.PostgresError():
            return classify_sqlstate(
                store,
                error.sqlstate or "",
                target.hidden(str(error.args[0])),
                detail=target.hidden(error.detail or ""),
                constraint=error.constraint_name or "",
                place=place,
            )
        case asyncpg.ClientConfigurationError():
            return DeniedError(store, f"{place}: {said}: mend the store's URL")
        case ssl.SSLCertVerificationError():
            return DeniedError(store, f"{place}: {said}: check sslmode and sslrootcert of the store's URL")
        case ConnectionError() if "SSL upgrade" in said:
            return DeniedError(
                store, f"{place}: {said}: the server has no TLS; check sslmode of the store's URL"
            )
        case ConnectionError() if "connection_lost()" in said:
            # asyncpg's own words for a proxy or pooler whose server is gone.
            return OutageError(store, f"{place}: who answers hangs up at once: is the server behind it up?")
        case TimeoutError():
            return OutageError(store, f"{place}: no answer in time", smaller=True)
        case OverflowError() if "port must be" in str(error):
            return DeniedError(store, f"{place}: a port is beyond 65535: mend the store's URL and PGPORT")
        case _ if isinstance(error, _UNSENDABLE):
            return PoisonError(store, f"{place}: {said}")
        case ValueError():
            # Its text repeats a part of the URL, and nobody knows whether that is the password's.
            return DeniedError(store, f"{place}: the store's URL cannot be read: mend its options")
        case _:
            return OutageError(store, f"{place}: {said}")


def guilty_row(error: PoisonError, context: str, rows: Sequence[Row]) -> PoisonError:
    """`error` with the Refusal of the row that COPY was at, if `context` says so and can be relied on."""
    found = _LINE.search(context)
    if error.code not in _SEEN_AT_ITS_ROW or found is None or not 1 <= int(found[1]) <= len(rows):
        return error
    refusal = Refusal(rows[int(found[1]) - 1].offset, error.cause, error.detail)
    return PoisonError(error.store, error.detail, cause=error.cause, refusals=[refusal], code=error.code)
