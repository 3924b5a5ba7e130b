"""Metrics a second from a backlog into SQLite, while live ingest goes on.

`python -m tests.bench.bench_drain [--millions 3] [--live 5000]`. The process has both cores, as a machine
has; a poster sends `--live` metrics a second meanwhile. The baseline, in the same run: the store alone,
fed with the same rows from memory.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import msgspec

from actors.stores.base import Row
from actors.stores.sqlite import BEST_BATCH, SqliteStore
from journal.metric import Metric, Offset
from tests.bench import harness
from tests.bench.backlog import prebuilt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, default=3)
    parser.add_argument("--live", type=int, default=5_000, help="metrics a second posted meanwhile")
    options = parser.parse_args()
    with harness.scratch() as directory:
        alone = asyncio.run(store_alone(os.path.join(directory, "alone.db")))
        data = os.path.join(directory, "data")
        prebuilt(data, int(options.millions * 1_000_000))
        drained, posted = drain(data, directory, options.live)
    print(f"\nstore alone, rows from memory      {alone:>12,.0f} rows/s")
    print(f"backlog drained, live ingest on    {drained:>12,.0f} metrics/s")
    print(f"live metrics posted meanwhile      {posted:>12,.0f} metrics/s\n")
    print(harness.verdict("metrics/s drained", drained, 150_000))
    print(f"      drained / store alone: {drained / alone:.2f}")


def drain(data: str, directory: str, live: int) -> tuple[float, float]:
    port = harness.free_port()
    base = f"http://127.0.0.1:{port}"
    log = os.path.join(directory, "log")
    command = harness.forebay(data, port)
    with harness.running(command, f"{base}/readyz", core="0,1", log=log, FOREBAY_LOG_LEVEL="error"):
        began, before = time.monotonic(), harness.get(f"{base}/api/status")
        with posting(f"{base}/api/metrics", live):
            while True:
                now = harness.get(f"{base}/api/status")
                if now["pending"] < BEST_BATCH:
                    break
                time.sleep(0.05)
        seconds = time.monotonic() - began
    posted = now["accepted"] - before["accepted"]
    return (now["persisted"] - before["persisted"]) / seconds, posted / seconds


class posting:
    """Posts `rate` metrics a second, in requests of 100, from a process of its own."""

    def __init__(self, url: str, rate: int) -> None:
        self._command = [sys.executable, "-m", "tests.bench.poster", url, str(rate)]

    def __enter__(self) -> None:
        self._process = subprocess.Popen(self._command, cwd=harness.ROOT)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


async def store_alone(path: str) -> float:
    store = SqliteStore(path)
    await store.open("bench")
    some = msgspec.convert(harness.metrics(BEST_BATCH), list[Metric])
    batches = 40
    began = time.monotonic()
    for number in range(batches):
        rows = list(_rows(some, number))
        await store.write(rows, Offset(rows[-1].offset + 1))
    seconds = time.monotonic() - began
    await store.close()
    return batches * BEST_BATCH / seconds


def _rows(metrics: list[Metric], number: int) -> Iterator[Row]:
    first, now = number * BEST_BATCH, time.time_ns()
    for i, metric in enumerate(metrics):
        yield Row(Offset(first + i), now, msgspec.structs.replace(metric, time=now + i))


if __name__ == "__main__":
    main()
