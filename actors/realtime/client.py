"""`POST /realtime/v1/api/broadcast`, bounded in time; what it answers is classified once, here."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx

from actors.realtime.broadcasts import NAME, TooLargeError
from actors.stores.base import DeniedError, OutageError, StoreError, ThrottledError
from actors.stores.supabase_errors import retry_after_seconds


class RealtimeClient:
    """Broadcasts to the project at `url` with `key`, that of the service role; each takes `timeout` seconds
    at most."""

    def __init__(self, url: str, key: str, timeout: float) -> None:
        self._url = f"{url.rstrip('/')}/realtime/v1/api/broadcast"
        self._timeout = timeout
        headers = {"apikey": key, "Content-Type": "application/json"}
        if not key.startswith("sb_"):
            # A key of the newer kind is no token: the gateway puts one in its place.
            headers["Authorization"] = f"Bearer {key}"
        self._http = httpx.AsyncClient(timeout=timeout, headers=headers)

    async def send(self, batch: bytes) -> None:
        """See Broadcasts."""
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._http.post(self._url, content=batch)
        except TimeoutError as error:
            raise OutageError(NAME, f"no answer within {self._timeout:g} s") from error
        except httpx.TimeoutException as error:
            raise OutageError(NAME, f"no answer within {self._timeout:g} s") from error
        except httpx.HTTPError as error:
            raise OutageError(NAME, f"{type(error).__name__}: {error}") from error
        # Else the answer holds the body of the request until the next collection of old objects.
        answer.stream = httpx.ByteStream(b"")
        if answer.status_code != 202:
            raise _classified(answer)

    async def close(self) -> None:
        """See Broadcasts."""
        await self._http.aclose()


def _classified(answer: httpx.Response) -> StoreError:
    status, said = answer.status_code, answer.text[:200]
    detail, code = f"HTTP {status} {said}".rstrip(), str(status)
    match status:
        case 429:
            wait = retry_after_seconds(answer.headers.get("retry-after"), datetime.now(UTC))
            return ThrottledError(NAME, detail, wait, code=code)
        case 413 | 422:
            return TooLargeError(NAME, detail, code=code)
        case 400 | 401 | 403 | 404:
            return DeniedError(NAME, f"{detail}: check SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY", code=code)
        case _:
            return OutageError(NAME, detail, code=code)
