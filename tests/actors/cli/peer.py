"""A test peer that speaks as much of the HTTP contract as a client command asks for, and fails as told."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Fault = Literal["drop before", "drop after", "busy"]


class Peer(ThreadingHTTPServer):
    """Keeps what it accepts, once for each Idempotency-Key. `faults` are spent one a POST, first to last."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.token: str | None = None
        self.status: Any = None
        self.faults: list[Fault] = []
        self.replies: dict[str, dict[str, Any]] = {}
        self.metrics: list[dict[str, Any]] = []
        self.posts = 0
        self.refuse_all = False
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def accept(self, key: str, metrics: list[dict[str, Any]]) -> dict[str, Any]:
        with self.lock:
            if key not in self.replies:
                first = len(self.metrics)
                self.metrics += metrics
                self.replies[key] = {
                    "accepted": len(metrics),
                    "first_offset": first,
                    "last_offset": len(self.metrics) - 1,
                    "durability": "fsync",
                }
            return self.replies[key]


class Handler(BaseHTTPRequestHandler):
    server: Peer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(200, {})
        elif self.server.token and self.headers["Authorization"] != f"Bearer {self.server.token}":
            self._answer(401, {"title": "Unauthorized"})
        elif self.server.status is None:
            self._answer(404, {"title": "Not Found"})
        else:
            self._answer(200, self.server.status)

    def do_POST(self) -> None:
        metrics = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        wrong_token = self.server.token and self.headers["Authorization"] != f"Bearer {self.server.token}"
        with self.server.lock:
            self.server.posts += 1
            fault = self.server.faults.pop(0) if self.server.faults else None
        if fault == "drop before":
            self._drop()
        elif wrong_token:
            self._answer(401, {"title": "Unauthorized"})
        elif fault == "busy":
            self._answer(
                503, {"title": "Service Unavailable", "detail": "the mailbox is full"}, {"Retry-After": "1"}
            )
        elif guilty := [at for at, metric in enumerate(metrics) if not self._sound(metric)]:
            item = {"index": guilty[0], "field": "value", "reason": "must be a finite number"}
            self._answer(400, {"title": "Bad Request", "errors": [item]})
        else:
            reply = self.server.accept(self.headers["Idempotency-Key"], metrics)
            if fault == "drop after":
                self._drop()
            else:
                self._answer(202, reply)

    def _sound(self, metric: dict[str, Any]) -> bool:
        return (
            not self.server.refuse_all
            and isinstance(metric["value"], (int, float))
            and 0 < len(metric["name"]) <= 255
            and metric["kind"] in ("gauge", "counter", "timer", "histogram", "event")
        )

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, code: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def running_peer() -> Iterator[Peer]:
    """A peer that listens until the block ends."""
    with Peer() as peer:
        thread = threading.Thread(target=peer.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield peer
        finally:
            peer.shutdown()
            thread.join()
