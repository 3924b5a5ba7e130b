"""Posts metrics at a steady rate: `python -m tests.bench.poster URL METRICS_PER_SECOND`, until terminated."""

from __future__ import annotations

import http.client
import sys
import time
from urllib.parse import urlsplit

import msgspec

from tests.bench import harness

PER_REQUEST = 100


def main(url: str, rate: str) -> None:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    pause = PER_REQUEST / int(rate)
    due = time.monotonic()
    while True:
        body = msgspec.json.encode(harness.metrics(PER_REQUEST))
        connection.request("POST", address.path, body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        due += pause
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(*sys.argv[1:])
