"""A long outage: memory while the store is gone and metrics arrive, and how fast the backlog drains after it.

    python -m tests.bench.bench_outage [supabase|postgres] [--bare-rows 100000]

FOREBAY_BENCH_METRICS (5,000,000) metrics arrive over HTTP while nobody listens where the database was. When
it is back, live data goes on at `--live` metrics a second, and the backlog drains. The bare client writes the
same kind of rows into the same table of the same server, synced, before and after, at each of its batch
sizes: the ratio is to the best of them, mean of before and after. What was stored is then looked through in
the order in which it lies in the table: that is the order in which it came.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import Any, NamedTuple

import asyncpg
import msgspec
import psutil

from tests.bench import harness
from tests.bench.bench_drain import posting
from tests.supabase.stack import LocalSupabase

TARGET = 0.8
MOST_GROWTH = 50.0
"""MB."""
WARM_UP = 200_000
PER_REQUEST = 100
UNDER_WAY = 32
"""Requests."""
ACCEPTED = b"HTTP/1.1 202 "
LEVEL = 5_000
"""Metrics; a store no further behind has caught up."""
ORDER = """
select count(*), count(*) filter (where "offset" <= former), count(*) filter (where accepted_at_ns < accepted)
from (
  select "offset", accepted_at_ns, lag("offset") over (order by tableoid, ctid) as former,
    lag(accepted_at_ns) over (partition by source order by tableoid, ctid) as accepted
  from metrics where journal_id = $1
) as stored
"""


class Side(NamedTuple):
    """One kind of store: how Forebay is told of it, how it goes and comes back, its bare clients by name,
    the first of which is the measure."""

    environment: dict[str, str]
    go: Callable[[], None]
    come_back: Callable[[], None]
    bare: dict[str, Sequence[str]]


def side(kind: str, supabase: LocalSupabase) -> Side:
    if kind == "supabase":
        return Side(
            {**supabase.environment(), "FOREBAY_STORE": "supabase:"},
            supabase.stop_router,
            supabase.start_router,
            {"upsert": ("upsert", supabase.url, supabase.service_role_key)},
        )
    dsn = supabase.db_url
    return Side(
        {"FOREBAY_STORE": dsn},
        supabase.postgres.stop,
        supabase.postgres.start,
        {"staging": ("staging", dsn), "copy": ("copy", dsn)},
    )


def bare(side: Side, rows: int) -> dict[str, dict[int, float]]:
    """Rows/s of each bare client, by batch size."""
    found: dict[str, dict[int, float]] = {}
    for name, arguments in side.bare.items():
        command = [sys.executable, "-m", "tests.bench.bare", *arguments, str(rows)]
        out = subprocess.run(command, cwd=harness.ROOT, check=True, capture_output=True, text=True).stdout
        found[name] = {int(size): rate for size, rate in json.loads(out).items()}
        rates = ", ".join(f"{size}: {rate:,.0f}/s" for size, rate in found[name].items())
        print(f"bare {name}: {rates}", flush=True)
    return found


class Run:
    """A running Forebay, and what it says of itself."""

    def __init__(self, port: int, process: psutil.Process) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self._address = "127.0.0.1", port
        self._process = process
        some = harness.metrics(PER_REQUEST)
        body = msgspec.json.encode([{key: each[key] for key in each if key != "time"} for each in some])
        self._request = (
            "POST /api/metrics HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def status(self) -> dict[str, Any]:
        return harness.get(f"{self.base}/api/status")

    @property
    def resident(self) -> float:
        """MB."""
        return self._process.memory_info().rss / 1e6

    def accept(self, count: int) -> None:
        """Post `count` metrics as fast as one connection goes, a few requests under way at a time."""
        asked, answered, length = count // PER_REQUEST, 0, len(ACCEPTED)
        with socket.create_connection(self._address, timeout=60) as wire:
            sent, rest = 0, b""
            while answered < asked:
                more = min(UNDER_WAY - (sent - answered), asked - sent)
                wire.sendall(self._request * more)
                sent += more
                received = rest + wire.recv(65536)
                answered += received.count(ACCEPTED)
                rest = received[received.rfind(b"\n") + 1 :][-length:]

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The status once `condition` holds of it."""
        while not condition(status := self.status()):
            time.sleep(0.1)
        return status

    def drain(self, live: int) -> tuple[float, float, float]:
        """After the store has come back: metrics stored a second, those accepted a second meanwhile, and how
        many seconds the store was behind then, `live` metrics a second going on."""
        with posting(f"{self.base}/api/metrics", live):
            first = self.status()
            began = self.until(lambda status: status["persisted"] > first["persisted"])
            at = time.monotonic()
            level = self.until(lambda status: status["pending"] < LEVEL)
            took = time.monotonic() - at
            lags: list[float] = []
            end = time.monotonic() + 3
            while time.monotonic() < end:
                lags.append(self.status()["stores"][0]["lag_seconds"])
                time.sleep(0.1)
        stored = (level["persisted"] - began["persisted"]) / took
        return stored, (level["accepted"] - began["accepted"]) / took, median(lags)


async def order(dsn: str, journal_id: str) -> tuple[int, int, int]:
    """How many metrics of the journal are stored, how many came before one of a lower offset, and how many
    before one of the same source that was accepted earlier."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("set synchronize_seqscans = off; set max_parallel_workers_per_gather = 0")
        return tuple(await connection.fetchrow(ORDER, journal_id, timeout=600))  # type: ignore[return-value]
    finally:
        await connection.close()


def measure(kind: str, supabase: LocalSupabase, directory: str, options: argparse.Namespace) -> None:
    """Print everything."""
    metrics = int(os.environ.pop("FOREBAY_BENCH_METRICS", "5000000"))  # Forebay refuses what it does not know
    place = side(kind, supabase)
    before = bare(place, options.bare_rows)
    port = harness.free_port()
    base = f"http://127.0.0.1:{port}"
    variables = {
        **place.environment,
        "FOREBAY_LOG_LEVEL": "warning",
        "METRICS_PERSISTER_CIRCUIT_BREAKER_TIMEOUT": "2",
    }
    command = harness.forebay(os.path.join(directory, "data"), port)
    log = os.path.join(directory, "log")
    with harness.running(command, f"{base}/readyz", core="0,1", log=log, **variables) as process:
        run = Run(port, psutil.Process(process.pid))
        run.accept(WARM_UP)
        journal_id = run.until(lambda status: status["pending"] == 0)["journal"]["id"]
        place.go()
        run.accept(WARM_UP)
        small, accepted = run.resident, run.status()["accepted"]
        began = time.monotonic()
        run.accept(metrics)
        took, growth = time.monotonic() - began, run.resident - small
        now = run.status()
        came, waiting = now["accepted"] - accepted, now["pending"]
        print(f"store gone: {came:,} metrics in {took:.1f} s, {waiting:,} wait", flush=True)
        place.come_back()
        drained, arrived, lag = run.drain(options.live)
        top = run.resident - small
        total = run.until(lambda status: status["pending"] == 0)["accepted"]
    stored, turned, older = asyncio.run(order(supabase.db_url, journal_id))
    after = bare(place, options.bare_rows)
    print(
        f"\ndrained   {drained:>12,.0f} metrics/s while {arrived:,.0f}/s arrived; live lag {lag:.2f} s then"
    )
    print(f"resident  {small:>12,.1f} MB, {growth:+.1f} MB in the outage, {top:+.1f} MB after draining")
    print(
        f"stored    {stored:>12,} of {total:,}; out of order: {turned} by offset, {older} by time and source"
    )
    print()
    print(harness.verdict("growth in MB", growth, MOST_GROWTH, at_most=True))
    for name in place.bare:
        best = fmean((max(before[name].values()), max(after[name].values())))
        line = harness.verdict(f"drained / {name} at its best", drained / best, TARGET)
        # COPY alone notices no repeat and keeps no cursor: it is told, and no target.
        print(line if name != "copy" else line.replace(line[:4], "    ", 1).partition(" (")[0])
    if (stored, turned, older) != (total, 0, 0):
        raise SystemExit("not everything is stored once, in order")


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", nargs="?", choices=("supabase", "postgres"), default="supabase")
    parser.add_argument("--bare-rows", type=int, default=100_000, help="for each batch size")
    parser.add_argument("--live", type=int, default=2_000, help="metrics a second posted while it drains")
    options = parser.parse_args()
    supabase = LocalSupabase(fsync=True)
    supabase.open()
    try:
        asyncio.run(supabase.renew())
        with harness.scratch() as directory:
            measure(options.store, supabase, directory, options)
    finally:
        supabase.close()


if __name__ == "__main__":
    main()
