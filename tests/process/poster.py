"""Posts numbered metrics as fast as it can and writes down every 202; a program of its own.

    python -m tests.process.poster PORT LEDGER SEED

Connections differ: single metrics and batches, with Idempotency-Key and without. A request whose answer
did not come is repeated, with its key, if it has one; without a key it is given up, for it may have been
stored. SIGTERM ends it when every keyed request has its answer.

The ledger has one line for each 202: key or "", the first number, how many, the first offset, and how
often it was sent.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from typing import Any

CONNECTIONS = (
    ("single", ""),
    ("single", "key"),
    ("batch", ""),
    ("batch", "key"),
    ("mixed", ""),
    ("mixed", "key"),
)
BATCH = 100
PAUSE = 0.002
"""Seconds between two attempts to connect."""


def metric(number: int) -> dict[str, Any]:
    """The metric that has this number: every field can be told from it."""
    return {
        "name": f"name-{number % 7}",
        "value": number + 0.5,
        "time": 1_700_000_000_000_000_000 + number,
        "kind": ("gauge", "counter", "timer")[number % 3],
        "unit": "ms" if number % 2 else "",
        "source": f"host-{number % 5}",
        "session": f"session-{number % 11}",
        "attributes": {"number": number, "text": f"é{number}"},
    }


class Poster:
    """All connections, the numbers they take, and the ledger."""

    def __init__(self, port: int, ledger: int, seed: int) -> None:
        self._port = port
        self._ledger = ledger
        self._random = random.Random(seed)
        self._next = 0
        self._stopping = False

    async def run(self) -> None:
        """Post until told to stop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stop)
        async with asyncio.TaskGroup() as tasks:
            for shape, key in CONNECTIONS:
                tasks.create_task(self._post(shape, keyed=bool(key)))

    def _stop(self) -> None:
        self._stopping = True

    async def _post(self, shape: str, *, keyed: bool) -> None:
        wire: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        pending: tuple[str, int, int] | None = None
        sent = 0
        while not self._stopping or (pending is not None and keyed):
            if pending is None:
                count = {"single": 1, "batch": BATCH}.get(shape) or self._random.choice((1, 3, BATCH, 700))
                first, self._next = self._next, self._next + count
                pending, sent = (f"key-{first}" if keyed else "", first, count), 0
            try:
                if wire is None:
                    wire = await asyncio.open_connection("127.0.0.1", self._port)
                sent += 1
                taken = await self._attempt(*wire, *pending)
            except (OSError, asyncio.IncompleteReadError):
                if wire is not None:
                    wire[1].close()
                    wire = None
                    if not keyed:
                        pending = None
                await asyncio.sleep(PAUSE)
                continue
            if taken is None:
                # Refused: nothing of it was taken, with a key or without.
                await asyncio.sleep(PAUSE)
                continue
            os.write(self._ledger, json.dumps([*pending, taken, sent]).encode() + b"\n")
            pending = None
        if wire is not None:
            wire[1].close()

    async def _attempt(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str, first: int, count: int
    ) -> int | None:
        """The first offset of the 202; None for a refusal. Raises OSError and IncompleteReadError."""
        body = json.dumps([metric(number) for number in range(first, first + count)]).encode()
        field = f"Idempotency-Key: {key}\r\n" if key else ""
        head = (
            "POST /api/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"{field}Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in answer.split(b"\r\n")[1:] if b": " in line)
        content = await reader.readexactly(int(fields[b"content-length"]))
        status = int(answer.split(b" ", 2)[1])
        if status == 202:
            reply = json.loads(content)
            assert reply["accepted"] == count
            assert reply["last_offset"] - reply["first_offset"] == count - 1
            return int(reply["first_offset"])
        assert status == 503, (status, content)
        return None


if __name__ == "__main__":
    port, path, seed = sys.argv[1:]
    ledger = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    asyncio.run(Poster(int(port), ledger, int(seed)).run())
