"""Growth of resident memory while the store is gone and 10 million metrics arrive.

`python -m tests.bench.bench_memory [--millions 10]`. Baseline: the same process after the first 200,000.
"""

from __future__ import annotations

import argparse
import os
import time

import msgspec
import psutil

from tests.bench import harness

WARM_UP = 200_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, default=10)
    options = parser.parse_args()
    port = harness.free_port()
    base = f"http://127.0.0.1:{port}"
    with harness.scratch() as directory:
        script = harness.script(directory, "hundred", msgspec.json.encode(harness.metrics(100)))
        command = harness.variant("storeless", os.path.join(directory, "data"), port)
        log = os.path.join(directory, "log")
        with harness.running(command, f"{base}/readyz", log=log, FOREBAY_LOG_LEVEL="error") as process:
            server = psutil.Process(process.pid)
            until(base, script, WARM_UP)
            before = server.memory_info().rss
            began = time.monotonic()
            accepted = until(base, script, WARM_UP + int(options.millions * 1_000_000))
            seconds = time.monotonic() - began
            after = server.memory_info().rss
    print(f"\nmetrics ingested  {accepted - WARM_UP:>14,} in {seconds:.0f} s")
    print(f"resident before   {before / 1e6:>14.1f} MB")
    print(f"resident after    {after / 1e6:>14.1f} MB\n")
    print(harness.verdict("growth in MB", (after - before) / 1e6, 50, at_most=True))


def until(base: str, script: str, count: int) -> int:
    while (accepted := harness.get(f"{base}/api/status")["accepted"]) < count:
        harness.wrk(f"{base}/api/metrics", script, seconds=1)
    return accepted


if __name__ == "__main__":
    main()
