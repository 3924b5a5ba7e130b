"""Seconds from start to ready after SIGKILL, with 10 and with 50 million metrics in the journal.

`python -m tests.bench.bench_recovery [--rounds 5] [--millions 10 50]`. Every start recovers the journal and
is killed again. The store is away: what is measured is the journal, not the backlog's way into SQLite. The
first start of each, which finds no index of idempotency keys and makes it from the whole journal, is told
apart: a process that was killed leaves one that is at most a second behind.
"""

from __future__ import annotations

import argparse
import os
import time

from tests.bench import harness
from tests.bench.backlog import prebuilt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--millions", type=float, nargs="+", default=[10, 50])
    options = parser.parse_args()
    took: dict[float, list[float]] = {}
    with harness.scratch() as directory:
        for millions in options.millions:
            prebuilt(f"{directory}/{millions}", int(millions * 1_000_000))
            first = start_and_kill(f"{directory}/{millions}", directory)
            print(f"{millions:g} million, without an index of keys: {first:.2f} s")
        for _ in range(options.rounds):
            for millions in options.millions:
                took.setdefault(millions, []).append(start_and_kill(f"{directory}/{millions}", directory))
    print(f"\n{'millions':>9}{'seconds, median':>17}{'worst':>8}")
    for millions, seconds in took.items():
        print(f"{millions:>9g}{harness.median(seconds):>17.2f}{max(seconds):>8.2f}")
    least, most = (harness.median(took[each]) for each in (options.millions[0], options.millions[-1]))
    print()
    print(harness.verdict(f"seconds to ready, {options.millions[0]:g} million", least, 2.0, at_most=True))
    print(harness.verdict("the most / the least metrics", most / least, 1.15, at_most=True))


def start_and_kill(data: str, directory: str) -> float:
    port = harness.free_port()
    began = time.monotonic()
    log = os.path.join(directory, "log")
    command = harness.variant("storeless", data, port)
    ready = f"http://127.0.0.1:{port}/readyz"
    with harness.running(command, ready, log=log, FOREBAY_LOG_LEVEL="error") as process:
        seconds = time.monotonic() - began
        process.kill()
        process.wait()
    return seconds


if __name__ == "__main__":
    main()
