"""Metrics a second that `forebay journal replay` sends, against `forebay run` draining the same journal.

`python -m tests.bench.bench_replay [sqlite] [postgres] [--millions 1] [--rounds 3]`. Both are whole
processes, started anew for each round, on an empty database: replay's figure is the one that it tells,
that of `run` is from when it is ready until the store holds everything. In alternating rounds; the ratio
is of medians. `again`: the same replay once more, when every metric is there already.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator

from tests.bench import harness
from tests.bench.backlog import prebuilt
from tests.supabase.databases import Databases
from tests.supabase.postgres import Postgres


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", nargs="*", default=["sqlite", "postgres"])
    parser.add_argument("--millions", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with harness.scratch() as directory:
        data = os.path.join(directory, "data")
        prebuilt(data, int(options.millions * 1_000_000))
        for store in options.stores:
            measure(store, data, options.rounds)


def measure(store: str, data: str, rounds: int) -> None:
    replayed: list[float] = []
    again: list[float] = []
    drained: list[float] = []
    with empty_databases(store) as fresh:
        for _ in range(rounds):
            url = fresh()
            replayed.append(replay(copied(data), url))
            again.append(replay(f"{data}-copy", url))
            drained.append(drain(copied(data), fresh()))
    replaying, draining = harness.median(replayed), harness.median(drained)
    print(f"\n{store}: replay         {replaying:>12,.0f} metrics/s")
    print(f"{store}: again          {harness.median(again):>12,.0f} metrics/s")
    print(f"{store}: forebay run    {draining:>12,.0f} metrics/s")
    print(harness.verdict(f"{store}: replay / forebay run", replaying / draining, 0.8))


@contextlib.contextmanager
def empty_databases(store: str) -> Generator[Callable[[], str]]:
    if store == "sqlite":
        yield lambda: "sqlite:"
        return
    with Postgres() as postgres:
        databases = Databases(postgres)
        yield lambda: postgres.dsn(database=asyncio.run(databases.fresh()))


def copied(data: str) -> str:
    """A copy of the data directory, without any database."""
    copy = f"{data}-copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(data, copy)
    return copy


def replay(data: str, url: str) -> float:
    command = [sys.executable, "-m", "actors", "journal", "replay", data, "--to", url, "--restart", "--json"]
    environment = {**os.environ, "XDG_STATE_HOME": os.path.join(data, "state")}
    out = subprocess.run(command, cwd=harness.ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    account = json.loads(out.stdout)
    return account["sent"] / account["seconds"]


def drain(data: str, url: str) -> float:
    port = harness.free_port()
    base = f"http://127.0.0.1:{port}"
    command = harness.forebay(data, port, "--store", url)
    with harness.running(command, f"{base}/readyz", core="0,1", log=os.devnull, FOREBAY_LOG_LEVEL="error"):
        before, began = harness.get(f"{base}/api/status"), time.monotonic()
        while (now := harness.get(f"{base}/api/status"))["pending"]:
            time.sleep(0.02)
        seconds = time.monotonic() - began
    return (now["persisted"] - before["persisted"]) / seconds


if __name__ == "__main__":
    main()
