"""Posts metrics that wander, as a page's charts show them: `python -m tests.bench.page_load URL RATE`, until
terminated."""

from __future__ import annotations

import random
import sys
import time
from typing import Any

from tests.bench.poster import post

NAMES = [f"inference.latency.{each}" for each in range(20)]
SOURCES = [f"worker-{each}" for each in range(4)]


def main(url: str, rate: str) -> None:
    chance = random.Random(1)
    series = [
        {"name": name, "source": source, "unit": "ms", "value": chance.uniform(5, 50), "time": 0}
        for name in NAMES
        for source in SOURCES
    ]

    def wander() -> list[dict[str, Any]]:
        now = time.time_ns()
        for each in series:
            each["value"] = abs(each["value"] + chance.gauss(0, 1))
            each["time"] = now
        return series

    post(url, len(series) / int(rate), wander)


if __name__ == "__main__":
    main(*sys.argv[1:])
