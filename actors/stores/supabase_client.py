"""supabase-py's client as a store needs it: bounded in time, errors classified, no task of its own.

Importing this module costs a second and 40 MB: only a store that is opened does.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

import httpx
from postgrest import CountMethod, ReturnMethod
from postgrest.base_request_builder import RequestConfig
from supabase import AsyncClient, AsyncClientOptions

from actors.stores.base import DeniedError, OutageError
from actors.stores.supabase_errors import CHECK_URL, FAILURES, classify, retry_after_seconds

CONNECT_WITHIN = 10.0
"""Seconds."""

CONNECTIONS = 8
"""At most: one writes, the others answer questions."""


class _Answer:
    """What supabase-py does not tell of an answer."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers = httpx.Headers()
        self.response: httpx.Response | None = None

    def let_go(self) -> None:
        """Cut the ring of the response and its stream, which would hold the whole body of the request until
        the next collection of old objects: 3 MB a write, 20 MB a second of a backlog."""
        if self.response is not None:
            self.response.stream = httpx.ByteStream(b"")


_answer: ContextVar[_Answer | None] = ContextVar("_answer", default=None)
"""Of the request that the current task makes."""


async def _note(response: httpx.Response) -> None:
    answer = _answer.get()
    if answer is not None:
        answer.status, answer.headers = response.status_code, response.headers
        answer.response = response


class _Encoded(RequestConfig[httpx.AsyncClient]):
    """A request whose body is JSON already: supabase-py's own encoding takes ten times as long."""

    def __init__(self, request: RequestConfig[httpx.AsyncClient], body: bytes) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            request.session,
            request.path,
            request.http_method,
            request.headers,
            request.params,
            request.auth,
            None,
            retry_enabled=False,
        )
        self._body = body

    def send(self, additional_headers: httpx.Headers) -> Any:
        return self.session.request(
            self.http_method,
            str(self.path),
            content=self._body,
            params=self.params,
            headers={**additional_headers, **self.headers, "Content-Type": "application/json"},
        )


def _check_url(store: str, url: str) -> None:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise DeniedError(store, f"what it is given is no URL like https://PROJECT.supabase.co; {CHECK_URL}")


@cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()


async def connect(store: str, url: str, key: str, within: float) -> SupabaseClient:
    """A SupabaseClient whose calls take `within` seconds at most. Raises DeniedError for what is no URL."""
    _check_url(store, url)
    # Reading the certificates takes 30 ms, which others need not wait for.
    return SupabaseClient(store, url, key, within, await asyncio.to_thread(_trusted))


class SupabaseClient:
    """A client of the project at `url` for the store named `store`. Every method raises a StoreError."""

    def __init__(self, store: str, url: str, key: str, timeout: float, trusted: ssl.SSLContext) -> None:
        self._store = store
        self._within = timeout + min(CONNECT_WITHIN, timeout)
        # HTTP/1.1: of HTTP/2, Python's implementation sends a large body several times slower.
        self._http = httpx.AsyncClient(
            verify=trusted,
            timeout=httpx.Timeout(timeout, connect=min(CONNECT_WITHIN, timeout)),
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            event_hooks={"response": [_note]},
        )
        options = AsyncClientOptions(
            auto_refresh_token=False,
            persist_session=False,
            postgrest_client_retry=False,
            httpx_client=self._http,
        )
        # Any: its own types are unknown in part.
        self._client: Any = AsyncClient(url, key, options)

    async def upsert(self, table: str, body: bytes, columns: str, key: str, *, replace: bool) -> None:
        """Insert the rows of `body`, a JSON array, all or none; where `key` is there already, `replace` what
        is there or keep it. Returns when they are committed."""
        builder = self._client.table(table).upsert(
            [], returning=ReturnMethod.minimal, ignore_duplicates=not replace, on_conflict=key
        )
        builder.request.params = builder.request.params.add("columns", columns)
        builder.request = _Encoded(builder.request, body)
        async with self._asking() as answer:
            await builder.execute()
            # A captive portal or a parked domain says 200 to everything; only PostgREST says this as well.
            if "content-range" not in answer.headers:
                raise OutageError(self._store, f"what answers is no PostgREST; {CHECK_URL}")

    async def select(self, table: str, columns: str, condition: str, *, limit: int) -> list[dict[str, Any]]:
        """Up to `limit` rows of `table` that pass `condition`, by their offset; a server may give fewer than
        it has."""
        builder = self._client.table(table).select(columns).order("offset").limit(limit)
        # Not `?offset=gte.5`, as supabase-py would say it: PostgREST takes that for the page to begin with.
        builder.request.params = builder.request.params.add("and", condition)
        async with self._asking():
            return self._rows((await builder.execute()).data)

    async def update(self, table: str, values: dict[str, Any], condition: str) -> int:
        """How many rows of `table` passed `condition` and have `values` now."""
        builder = self._client.table(table).update(values)
        builder.request.params = builder.request.params.add("and", condition)
        async with self._asking():
            return len(self._rows((await builder.execute()).data))

    async def delete(self, table: str, condition: str) -> None:
        """Delete the rows of `table` that pass `condition`."""
        builder = self._client.table(table).delete(returning=ReturnMethod.minimal)
        builder.request.params = builder.request.params.add("and", condition)
        async with self._asking():
            await builder.execute()

    async def call(
        self, function: str, order: str, condition: str, **arguments: Any
    ) -> tuple[list[dict[str, Any]], bool]:
        """What the SQL function returns for `arguments`, of that the rows that pass `condition`, in `order`,
        and whether those are all; a server gives 1,000 at a time or as it is set."""
        builder = self._client.rpc(function, arguments, CountMethod.exact)
        asked = {key: value for key, value in (("order", order), ("and", condition)) if value}
        builder.request.params = builder.request.params.merge(asked)
        async with self._asking():
            answer = await builder.execute()
        rows = self._rows(answer.data)
        return rows, answer.count is not None and answer.count <= len(rows)

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    def _rows(self, data: object) -> list[dict[str, Any]]:
        if not isinstance(data, list):
            raise OutageError(self._store, f"what answers is no PostgREST; {CHECK_URL}")
        return cast("list[dict[str, Any]]", data)

    @asynccontextmanager
    async def _asking(self) -> AsyncGenerator[_Answer]:
        answer = _Answer()
        token = _answer.set(answer)
        try:
            # httpx bounds each read and each write, not their sum.
            async with asyncio.timeout(self._within):
                yield answer
        except FAILURES as error:
            wait = retry_after_seconds(answer.headers.get("retry-after"), datetime.now(UTC))
            raise classify(self._store, error=error, status=answer.status, retry_after=wait) from error
        finally:
            answer.let_go()
            _answer.reset(token)
