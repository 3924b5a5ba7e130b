"""A journal with a given number of metrics, as a process that was killed would leave it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

import msgspec

from journal.committer import Options
from journal.events import pack_metrics
from journal.log import Journal
from journal.metric import Metric
from tests.bench import harness

PER_APPEND = 1_000


async def fill(data: str, count: int) -> None:
    """Append `count` metrics to the journal in `data`, and leave without closing it."""
    journal = await Journal.open(os.path.join(data, "journal"), options=Options())
    some = msgspec.convert(harness.metrics(PER_APPEND), list[Metric])
    began = time.time_ns()
    for start in range(0, count, PER_APPEND * 50):
        await journal.prepare()
        appends = [
            journal.append([pack_metrics(_moved(some, began, each))])
            for each in range(start, min(start + PER_APPEND * 50, count), PER_APPEND)
        ]
        await asyncio.gather(*appends)
    os._exit(0)


def _moved(metrics: list[Metric], began: int, by: int) -> list[Metric]:
    return [
        msgspec.structs.replace(metric, time=began + (by + i) * 1_000, value=float(by + i))
        for i, metric in enumerate(metrics)
    ]


def prebuilt(data: str, count: int) -> None:
    """Run `fill` in a process of its own."""
    import subprocess

    os.makedirs(data, exist_ok=True)
    command = [sys.executable, "-m", "tests.bench.backlog", json.dumps([data, count])]
    subprocess.run(command, check=True, cwd=harness.ROOT)


if __name__ == "__main__":
    asyncio.run(fill(*json.loads(sys.argv[1])))
