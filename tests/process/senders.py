"""Clients on raw sockets that know what they sent whole, and what they were told."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

BATCH = 5


class Sender(threading.Thread):
    """Posts batches of numbers, one request at a time, until the server ends it: over one connection, or,
    if `fresh`, over a new one for each.

    `accepted` and `refused` are the numbers that were answered so, `unanswered` those of a last request
    that was sent whole, at `sent_at` on the monotonic clock, and got no answer.
    """

    def __init__(self, port: int, counter: Iterator[int], lock: threading.Lock, *, fresh: bool) -> None:
        super().__init__(daemon=True)
        self.accepted: list[int] = []
        self.refused: list[int] = []
        self.unanswered: list[int] = []
        self.statuses: set[int] = set()
        self.sent_at = 0.0
        self.told_at = 0.0
        self._port = port
        self._fresh = fresh
        self._counter = counter
        self._lock = lock
        self._over = threading.Event()

    def stop(self) -> None:
        self._over.set()

    def run(self) -> None:
        going_on = True
        while going_on and not self._over.is_set():
            try:
                wire = socket.create_connection(("127.0.0.1", self._port), timeout=20)
            except OSError:
                return
            with wire, wire.makefile("rb") as answers:
                going_on = self._exchange(wire, answers)
                while going_on and not self._fresh and not self._over.is_set():
                    going_on = self._exchange(wire, answers)

    def _exchange(self, wire: socket.socket, answers: BinaryIO) -> bool:
        """One request and its answer; whether the connection can be used again."""
        with self._lock:
            numbers = [next(self._counter) for _ in range(BATCH)]
        try:
            wire.sendall(request(numbers))
        except OSError:
            return False
        self.sent_at = time.monotonic()
        status, closes = answer(answers)
        if status is None:
            self.unanswered = numbers
            return False
        self.statuses.add(status)
        (self.accepted if status == 202 else self.refused).extend(numbers)
        return not closes


def request(numbers: list[int]) -> bytes:
    """A POST of metrics with these values."""
    body = json.dumps([{"name": "n", "value": number} for number in numbers]).encode()
    head = (
        "POST /api/metrics HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def answer(lines: BinaryIO) -> tuple[int | None, bool]:
    """The status of the next response, None where there is none, and whether the connection ends."""
    try:
        head = lines.readline()
        if not head:
            return None, True
        length, closes = 0, False
        while (line := lines.readline().strip().lower()) != b"":
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
            closes = closes or line == b"connection: close"
        lines.read(length)
    except OSError:
        return None, True
    return int(head.split(b" ")[1]), closes


@contextmanager
def sending(port: int, count: int) -> Iterator[list[Sender]]:
    """`count` senders at work during the block, every second of them with fresh connections."""
    counter, lock = itertools.count(), threading.Lock()
    senders = [Sender(port, counter, lock, fresh=bool(number % 2)) for number in range(count)]
    for sender in senders:
        sender.start()
    try:
        yield senders
    finally:
        for sender in senders:
            sender.stop()
        for sender in senders:
            sender.join(30)
