"""Responses as bytes, for the requests that are answered without ASGI."""

from __future__ import annotations

import math
from collections.abc import Sequence
from http import HTTPStatus

from web.ports import Accepted
from web.problems import CONTENT_TYPE, ProblemDetails, encode

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE = b"connection: close\r\n"
_LONGEST_RECEIPT = 192


class Responses:
    """Builds responses; `default_headers` go into each, as uvicorn's do (it renews the date each second)."""

    def __init__(self) -> None:
        self._seen: Sequence[tuple[bytes, bytes]] | None = None
        self._common = b""
        self._heads: list[bytes] = []

    def _renew(self, default_headers: Sequence[tuple[bytes, bytes]]) -> None:
        self._seen = default_headers
        self._common = b"".join(b"%b: %b\r\n" % header for header in default_headers)
        start = b"HTTP/1.1 202 Accepted\r\n" + self._common + b"content-type: application/json\r\n"
        self._heads = [start + b"content-length: %d\r\n" % length for length in range(_LONGEST_RECEIPT)]

    def accepted(
        self, receipt: Accepted, default_headers: Sequence[tuple[bytes, bytes]], *, close: bool
    ) -> bytes:
        """202 with the receipt: the one that must be fast."""
        if default_headers is not self._seen:
            self._renew(default_headers)
        body = (
            f'{{"accepted": {receipt.accepted}, "first_offset": {receipt.first_offset}, '
            f'"last_offset": {receipt.last_offset}, "durability": "{receipt.durability}"}}'
        ).encode()
        if close:
            return self._heads[len(body)] + _CLOSE + b"\r\n" + body
        return self._heads[len(body)] + b"\r\n" + body

    def refused(
        self, details: ProblemDetails, default_headers: Sequence[tuple[bytes, bytes]], *, close: bool
    ) -> bytes:
        """Any error, with `Retry-After` and `WWW-Authenticate` where they belong."""
        if default_headers is not self._seen:
            self._renew(default_headers)
        body = encode(details)
        lines = [
            b"HTTP/1.1 %d %b\r\n" % (details.status, HTTPStatus(details.status).phrase.encode()),
            self._common,
            b"content-type: %b\r\ncontent-length: %d\r\n" % (CONTENT_TYPE.encode(), len(body)),
        ]
        if details.retry_after is not None:
            lines.append(b"retry-after: %d\r\n" % max(1, math.ceil(details.retry_after)))
        if details.status == 401:
            lines.append(b"www-authenticate: Bearer\r\n")
        if close:
            lines.append(_CLOSE)
        return b"".join([*lines, b"\r\n", body])
