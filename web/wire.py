"""One frame to very many WebSockets: its bytes are made once, and written without a turn of the event loop.

The ordinary way of a message (the subscriber's task, ASGI, uvicorn, websockets) costs about 70 µs each, which
a thousand subscribers at ten frames a second cannot have from one core. What the server sends is not masked
(RFC 6455, 5.1) and we do not compress, so that a frame is the same bytes for all of them: where a connection
is open and its buffer has room, they go to its transport as they are.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import OPEN

EXTENSION = "forebay.wire"
"""Where in an ASGI scope's extensions the Wire of its connection is."""


class Wire(Protocol):
    """A connection that takes finished bytes."""

    def write(self, message: bytes) -> bool:
        """Send `message`, a whole WebSocket message as it travels; or return False and send nothing, where
        the connection is not open or the client does not keep up. Never waits."""
        ...


def encoded(payload: bytes) -> bytes:
    """`payload`, a text, as one unmasked message (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class WiredProtocol(WebSocketsSansIOProtocol):
    """A connection that hands out its Wire. It leans on internals of uvicorn, as web.protocol does."""

    def handle_connect(self, event: Request) -> None:
        """A handshake has come; the task that serves it starts with the next turn of the loop."""
        super().handle_connect(event)
        scope = cast("dict[str, Any] | None", getattr(self, "scope", None))
        if scope is not None:
            scope["extensions"][EXTENSION] = self

    def write(self, message: bytes) -> bool:
        """See Wire."""
        if (
            not self.writable.is_set()
            or not self.handshake_complete
            or self.close_sent
            or self.disconnected
            or self.conn.state is not OPEN
            or self.transport.is_closing()
        ):
            return False
        self.transport.write(message)
        return True
