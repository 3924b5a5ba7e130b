"""As much of HTTP/1.1 (RFC 9112) as a reverse proxy needs: heads as values, bodies passed on unread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from http.client import responses
from typing import NamedTuple

PIECE = 65_536


class Head(NamedTuple):
    """The first line and the headers of a message."""

    line: str
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str:
        """The value of header `name`, which is in lower case; "" without it."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def without(self, *prefixes: str) -> Head:
        """The same less every header whose name, in lower case, begins so."""
        return Head(self.line, [pair for pair in self.headers if not pair[0].lower().startswith(prefixes)])

    def plus(self, headers: Iterable[tuple[str, str]]) -> Head:
        """The same and `headers`."""
        return Head(self.line, [*self.headers, *headers])

    def encoded(self) -> bytes:
        """As on the wire."""
        lines = [self.line, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    @property
    def closes(self) -> bool:
        """Whether the connection ends after this message."""
        return self.get("connection").lower() == "close" or "HTTP/1.0" in self.line

    @property
    def status(self) -> int:
        """The status code of an answer."""
        return int(self.line.split(" ", 2)[1])


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head, None at the end. Raises asyncio.IncompleteReadError within one."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    line, *rest = raw[:-4].decode("latin-1").split("\r\n")
    pairs = (header.partition(":") for header in rest)
    return Head(line, [(key, value.strip()) for key, _, value in pairs])


async def body(head: Head, reader: asyncio.StreamReader, *, until_close: bool) -> AsyncGenerator[bytes]:
    """The body that follows `head`, piece by piece and as framed on the wire, chunk sizes and all.

    Without a length it is empty, or, `until_close`, all that comes.
    """
    if head.get("transfer-encoding").lower() == "chunked":
        while True:
            size = await reader.readuntil(b"\r\n")
            yield size
            left = int(size.split(b";")[0], 16)
            if left == 0:
                break
            async for piece in _exactly(left + 2, reader):
                yield piece
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            yield line
        yield line
    elif length := head.get("content-length"):
        async for piece in _exactly(int(length), reader):
            yield piece
    elif until_close:
        while piece := await reader.read(PIECE):
            yield piece


async def _exactly(size: int, reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    while size > 0:
        piece = await reader.read(min(size, PIECE))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(piece)
        yield piece


def content(head: Head, framed: bytes) -> bytes:
    """What a body says, without its framing."""
    if head.get("transfer-encoding").lower() != "chunked":
        return framed
    said = b""
    while framed:
        size, _, framed = framed.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            break
        said, framed = said + framed[:length], framed[length + 2 :]
    return said


def answer(status: int, text: str, content_type: str, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """A whole answer."""
    phrase = responses.get(status, "Error")
    own = [("Content-Type", content_type), ("Content-Length", str(len(text.encode())))]
    return Head(f"HTTP/1.1 {status} {phrase}", [*own, *headers]).encoded() + text.encode()
