"""Acknowledgement latency, one client, one metric, against a raw write + fdatasync of the same bytes.

`python -m tests.bench.bench_latency [--count 3000]`. The rounds of both alternate.
"""

from __future__ import annotations

import argparse
import os
import socket
import time

import msgspec

from tests.bench import harness

ROUNDS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3_000)
    count = parser.parse_args().count // ROUNDS
    port = harness.free_port()
    base = f"http://127.0.0.1:{port}"
    raw: list[float] = []
    acknowledged: list[float] = []
    with harness.scratch() as directory:
        command = harness.forebay(os.path.join(directory, "data"), port)
        log = os.path.join(directory, "log")
        with harness.running(command, f"{base}/readyz", log=log, FOREBAY_LOG_LEVEL="error"):
            disk = Raw(os.path.join(directory, "raw"))
            client = Client(port)
            client.post(count)
            for _ in range(ROUNDS):
                raw += disk.write(count)
                acknowledged += client.post(count)
    print(f"\n{'':<26}{'p50 µs':>9}{'p99 µs':>9}")
    for name, values in (("raw write + fdatasync", raw), ("POST to 202", acknowledged)):
        values.sort()
        print(f"{name:<26}{_at(values, 0.5):>9.0f}{_at(values, 0.99):>9.0f}")
    print()
    ratio = _at(acknowledged, 0.5) / _at(raw, 0.5)
    print(harness.verdict("p50 of POST to 202 / of fdatasync", ratio, 4, at_most=True))


def _at(values: list[float], share: float) -> float:
    return values[int(len(values) * share)] * 1e6


class Raw:
    """A file of zeroes that is written from its beginning, 216 bytes and a sync at a time."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT)
        os.pwrite(self._fd, bytes(16 << 20), 0)
        os.fsync(self._fd)
        self._at = 0

    def write(self, count: int) -> list[float]:
        data = os.urandom(216)
        took: list[float] = []
        for _ in range(count):
            began = time.perf_counter()
            os.pwrite(self._fd, data, self._at)
            os.fdatasync(self._fd)
            took.append(time.perf_counter() - began)
            self._at = (self._at + len(data)) % (15 << 20)
        return took


class Client:
    """One connection that posts one metric and waits for its answer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = msgspec.json.encode(harness.metrics(1)[0])
        head = "POST /api/metrics HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        self._request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

    def post(self, count: int) -> list[float]:
        took: list[float] = []
        for _ in range(count):
            began = time.perf_counter()
            self._socket.sendall(self._request)
            answer = self._socket.recv(4096)
            took.append(time.perf_counter() - began)
            if b" 202 " not in answer:
                raise SystemExit(answer.decode())
        return took


if __name__ == "__main__":
    main()
