"""What a thousand WebSocket subscribers cost ingest, with everything of the server on one core.

`python -m tests.bench.bench_fanout [--subscribers 1000] [--seconds 6] [--rounds 3]`. Rounds alternate: ingest
as fast as it goes (100 metrics a request, 64 connections) with nobody listening, and with all subscribers,
who read on the other core; the baseline is the former. What of the metrics a subscriber is not sent, it is
told of as gaps.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import socket
import time
from multiprocessing.connection import Connection

from tests.bench import harness

RECEIVED = 1 << 20
"""Bytes that a subscriber's socket holds, and that one read takes."""
PAUSE = 0.5
"""Seconds between two reads of a subscriber: real ones are on other machines, and cost this one nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    port = harness.free_port()
    base = f"http://127.0.0.1:{port}"
    alone: list[float] = []
    listened: list[float] = []
    frames: list[float] = []
    with harness.scratch() as directory:
        body = json.dumps(harness.metrics(100)).encode()
        script = harness.script(directory, "hundred", body)
        command = harness.forebay(os.path.join(directory, "data"), port)
        log = os.path.join(directory, "log")
        with harness.running(command, f"{base}/readyz", log=log, FOREBAY_LOG_LEVEL="error"):
            harness.wrk(f"{base}/api/metrics", script, seconds=2)
            for _ in range(options.rounds):
                alone.append(
                    harness.wrk(f"{base}/api/metrics", script, seconds=options.seconds).requests_per_second
                )
                with Audience(port, options.subscribers) as audience:
                    time.sleep(1)
                    audience.begin()
                    load = harness.wrk(f"{base}/api/metrics", script, seconds=options.seconds)
                    listened.append(load.requests_per_second)
                    frames.append(audience.end())
    print(f"\n{'':<34}{'metrics/s':>14}")
    print(f"{'nobody listens':<34}{100 * harness.median(alone):>14,.0f}")
    print(f"{f'{options.subscribers:,} subscribers':<34}{100 * harness.median(listened):>14,.0f}")
    print(f"\neach of them was sent {harness.median(frames):.1f} frames of metrics a second\n")
    print(
        harness.verdict("ingest with them / without", harness.median(listened) / harness.median(alone), 0.8)
    )
    print(harness.verdict("frames a second to each", harness.median(frames), 9))


class Audience:
    """Subscribers in a process of their own, who throw away what they read; the first one counts."""

    def __init__(self, port: int, subscribers: int) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_listen, args=(port, subscribers, theirs), daemon=True)

    def __enter__(self) -> Audience:
        self._process.start()
        assert self._ours.recv() == "all are there"
        return self

    def begin(self) -> None:
        """Count from now on."""
        self._ours.send("begin")

    def end(self) -> float:
        """Frames with metrics a second that one subscriber was sent since it began."""
        self._ours.send("end")
        return self._ours.recv()

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def _listen(port: int, subscribers: int, pipe: Connection) -> None:
    os.sched_setaffinity(0, {int(harness.LOAD_CORE)})
    buffer = bytearray(RECEIVED)
    sockets = [_subscribe(port) for _ in range(subscribers)]
    seen, tail, began = 0, b"", 0.0
    pipe.send("all are there")
    while True:
        if pipe.poll(PAUSE):
            if pipe.recv() == "begin":
                seen, began = 0, time.monotonic()
            else:
                pipe.send(seen / (time.monotonic() - began))
        for one in sockets:
            with contextlib.suppress(BlockingIOError):
                size = one.recv_into(buffer)
                if one is sockets[0]:
                    # Frames begin with this and nothing else has it; a read may end in the middle of one.
                    mark = b'{"type":"metrics"'
                    text = tail + buffer[:size]
                    seen += text.count(mark)
                    tail = text[-len(mark) + 1 :]


def _subscribe(port: int) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
    one.connect(("127.0.0.1", port))
    one.sendall(
        b"GET /api/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    answer = one.recv(4096)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    one.setblocking(False)
    return one


if __name__ == "__main__":
    main()
