"""A WebSocket over a pair of streams whose first head has been read: the thin shell around `websockets`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.supabase.http1 import PIECE, Head
from tests.supabase.loop_thread import reset


class NoWebSocketError(Exception):
    """The handshake was refused, and answered."""


class WebSocket:
    """One WebSocket. `send` never waits: what a client does not read is kept."""

    def __init__(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._head = head
        self._reader = reader
        self._writer = writer
        self._protocol = ServerProtocol(max_size=None)
        self.open = False

    def accept(self) -> None:
        """Answer the handshake. Raises NoWebSocketError."""
        self._protocol.receive_data(self._head.encoded())
        request = next(each for each in self._protocol.events_received() if isinstance(each, Request))
        response = self._protocol.accept(request)
        self._protocol.send_response(response)
        self._flush()
        self.open = response.status_code == 101
        if not self.open:
            raise NoWebSocketError

    async def messages(self) -> AsyncGenerator[str | bytes]:
        """Every message until the end, whoever brings it about."""
        pieces, kind = list[bytes](), Opcode.TEXT
        while self.open and (data := await self._reader.read(PIECE)):
            self._protocol.receive_data(data)
            self._flush()
            for frame in self._protocol.events_received():
                assert isinstance(frame, Frame)
                if frame.opcode is Opcode.CLOSE:
                    self.open = False
                    return
                if frame.opcode in (Opcode.PING, Opcode.PONG):
                    continue
                if frame.opcode is not Opcode.CONT:
                    pieces, kind = [], frame.opcode
                pieces.append(frame.data)
                if frame.fin:
                    whole = b"".join(pieces)
                    yield whole.decode() if kind is Opcode.TEXT else whole
        self.open = False

    def send(self, data: str | bytes) -> None:
        """Send one message, if the other side is there."""
        if not self.open:
            return
        if isinstance(data, str):
            self._protocol.send_text(data.encode())
        else:
            self._protocol.send_binary(data)
        self._flush()

    def close(self, code: int, reason: str = "") -> None:
        """Say that it is over, and hear no more."""
        if self.open:
            self._protocol.send_close(code, reason)
            self._flush()
            self.open = False

    def abort(self) -> None:
        """Reset the connection, without a word."""
        self.open = False
        reset(self._writer)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._writer.write(data)
