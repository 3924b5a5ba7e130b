"""A running process, asked over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec

from actors.cli.client import base_url, headers, nobody_listens, refused
from actors.cli.exits import CommandError
from actors.config import Settings
from web.report import StatusReport

T = TypeVar("T")


class NobodyAnswersError(CommandError):
    """No process listens at the address, or it does not answer in time."""

    def __init__(self, url: str, error: httpx.TransportError | None = None) -> None:
        super().__init__(str(nobody_listens(url, error)))


class NotPossibleError(CommandError):
    """The process answered that it cannot do that; `status` and `detail` are those of its answer."""

    def __init__(self, url: str, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(detail if status in (404, 409) else f"{url} answered {status}: {detail}")


class _Problem(msgspec.Struct, frozen=True):
    detail: str


class Remote:
    """The process that runs with `settings`, or listens at `url`. Use it as a context manager.

    Whatever is asked raises NobodyAnswersError, NotPossibleError, or a CommandError where the token is
    wrong or something else listens there.
    """

    def __init__(self, settings: Settings, url: str | None, timeout: float = 5.0) -> None:
        self.url = base_url(settings, url)
        self._client = httpx.Client(trust_env=False, timeout=timeout, headers=headers(settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str, type_: type[T], query: Mapping[str, str | int] | None = None) -> T:
        """The answer to GET `path`, as `type_`."""
        return self._decoded(self._ask("GET", path, params=query), type_)

    def post(self, path: str, type_: type[T], body: Mapping[str, Any] | None = None) -> T:
        """The answer to POST `path`, as `type_`; it may take the process a while."""
        return self._decoded(self._ask("POST", path, json=body, timeout=60.0), type_)

    def put(self, path: str, type_: type[T], body: Mapping[str, Any]) -> T:
        """The answer to PUT `path`, as `type_`."""
        return self._decoded(self._ask("PUT", path, json=body, timeout=60.0), type_)

    def delete(self, path: str) -> None:
        """Have `path` deleted."""
        self._ask("DELETE", path, timeout=60.0)

    def text(self, path: str) -> str:
        """The answer to GET `path` as it is, which is JSON."""
        return self._ask("GET", path).text

    def status(self) -> StatusReport:
        """How the process is."""
        return self.get("/api/status", StatusReport)

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._client.request(method, self.url + path, **options)
        except httpx.TransportError as error:
            raise NobodyAnswersError(self.url, error) from error
        if response.is_success:
            return response
        if response.headers.get("content-type") == "application/problem+json" and response.status_code != 401:
            detail = self._decoded(response, _Problem).detail
            raise NotPossibleError(self.url, response.status_code, detail)
        raise refused(self.url, response)

    def _decoded(self, response: httpx.Response, type_: type[T]) -> T:
        try:
            return msgspec.json.decode(response.content, type=type_)
        except msgspec.DecodeError as error:
            raise refused(self.url, response) from error
