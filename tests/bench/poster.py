"""Posts metrics at a steady rate: `python -m tests.bench.poster URL METRICS_PER_SECOND`, until terminated."""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Callable
from typing import NoReturn
from urllib.parse import urlsplit

import msgspec

from tests.bench import harness

PER_REQUEST = 100


def post(url: str, pause: float, make: Callable[[], object]) -> NoReturn:
    """POST what `make` returns, as JSON, a request every `pause` seconds; late ones are made up for."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    due = time.monotonic()
    while True:
        body = msgspec.json.encode(make())
        connection.request("POST", address.path, body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        due += pause
        time.sleep(max(0.0, due - time.monotonic()))


def main(url: str, rate: str) -> None:
    post(url, PER_REQUEST / int(rate), lambda: harness.metrics(PER_REQUEST))


if __name__ == "__main__":
    main(*sys.argv[1:])
