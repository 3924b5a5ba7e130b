"""Posts metrics that wander, as a page's charts show them: `python -m tests.bench.page_load URL RATE`, until
terminated."""

from __future__ import annotations

import http.client
import random
import sys
import time
from urllib.parse import urlsplit

import msgspec

NAMES = [f"inference.latency.{each}" for each in range(20)]
SOURCES = [f"worker-{each}" for each in range(4)]


def main(url: str, rate: str) -> None:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    chance = random.Random(1)
    series = [
        {"name": name, "source": source, "unit": "ms", "value": chance.uniform(5, 50), "time": 0}
        for name in NAMES
        for source in SOURCES
    ]
    pause = len(series) / int(rate)
    due = time.monotonic()
    while True:
        now = time.time_ns()
        for each in series:
            each["value"] = abs(each["value"] + chance.gauss(0, 1))
            each["time"] = now
        body = msgspec.json.encode(series)
        connection.request("POST", address.path, body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        due += pause
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(*sys.argv[1:])
