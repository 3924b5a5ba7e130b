"""The journal against a raw write + fdatasync of the same bytes, and against SQLite, in one run.

`python -m tests.bench.bench_journal [--seconds 1.0] [--rounds 5] [--directory .]`. Each batch of metrics is a
record of its own, synced before it is acknowledged. The contestants' rounds alternate, so that a slow
moment of the machine hits them alike; each figure is the median of the rounds. The directory must be on a
real disk: a file system in memory syncs nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from journal.events import Event, Metric, MetricsAccepted, encode
from journal.framing import SEGMENT_HEADER_SIZE, Sealing, encode_record
from journal.log import Journal, Options
from tests.journal.building import SALT

Contestant = Callable[[float], Awaitable[float]]
"""Works for about so many seconds; returns metrics a second."""

SEGMENT_BYTES = 64 * 1024 * 1024
KINDS = 32
"""Different batches, sent in turn."""


def batch(size: int, number: int) -> MetricsAccepted:
    """`size` metrics as a service sends them."""
    begin = 1_764_000_000_000_000_000 + number * size
    return MetricsAccepted(
        [
            Metric(
                f"service.{i % 20}.latency", 0.125 * i, begin + i, "timer", "ms", f"host-{i % 5}", "session-1"
            )
            for i in range(size)
        ]
    )


async def timed(seconds: float, size: int, step: Callable[[], Awaitable[None]]) -> float:
    """Metrics a second of `step`, which stores one batch of `size`."""
    begin = time.perf_counter()
    count = 0
    while (spent := time.perf_counter() - begin) < seconds:
        for _ in range(20):
            await step()
        count += 20
    return count * size / spent


class RawFile:
    """The same bytes into a file of written zeroes: pwrite, fdatasync."""

    def __init__(self, directory: Path, batches: list[MetricsAccepted]) -> None:
        self._fd = os.open(directory / "raw", os.O_RDWR | os.O_CREAT)
        for position in range(0, SEGMENT_BYTES, 1 << 20):
            os.pwrite(self._fd, bytes(1 << 20), position)
        os.fsync(self._fd)
        sealing = Sealing(0, len(batches[0].metrics), 1, True, 0, 0)
        self._records = itertools.cycle([encode_record(encode([each]), sealing, SALT) for each in batches])
        self._size = len(batches[0].metrics)
        self._position = SEGMENT_HEADER_SIZE

    async def _step(self) -> None:
        record = next(self._records)
        if self._position + len(record) > SEGMENT_BYTES:
            self._position = SEGMENT_HEADER_SIZE
        os.pwrite(self._fd, record, self._position)
        os.fdatasync(self._fd)
        self._position += len(record)

    async def run(self, seconds: float) -> float:
        """See Contestant."""
        return await timed(seconds, self._size, self._step)


class JournalFile:
    """The journal, `appenders` of them waiting each for its own acknowledgement; spares are made as in the
    running system, by a task of its own."""

    def __init__(self, journal: Journal, batches: list[MetricsAccepted], appenders: int) -> None:
        self._journal = journal
        self._batches: list[list[Event]] = [[each] for each in batches]
        self._size = len(batches[0].metrics)
        self._appenders = appenders

    async def run(self, seconds: float) -> float:
        """See Contestant."""
        await self._tidy()

        async def one(first: int) -> float:
            events = itertools.cycle(self._batches[first:] + self._batches[:first])

            async def step() -> None:
                await self._journal.append(next(events))

            return await timed(seconds, self._size, step)

        rates = await asyncio.gather(*(one(i) for i in range(self._appenders)))
        return sum(rates)

    async def _tidy(self) -> None:
        """Retire what earlier rounds wrote, and have the next segment ready."""
        await self._journal.retire([segment.first_offset for segment in self._journal.segments[:-1]])
        await self._journal.prepare()


class SqliteFile:
    """SQLite, WAL, synchronous=FULL, one transaction a batch."""

    def __init__(self, directory: Path, batches: list[MetricsAccepted], *, blob: bool) -> None:
        self._db = sqlite3.connect(directory / f"{'blob' if blob else 'rows'}.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        if blob:
            self._db.execute("CREATE TABLE batches (first INTEGER PRIMARY KEY, payload BLOB)")
        else:
            columns = "name TEXT, value REAL, time INTEGER, kind TEXT, unit TEXT, source TEXT"
            self._db.execute(f"CREATE TABLE metrics ({columns})")
            self._db.execute("CREATE INDEX metrics_by_name ON metrics (name, time)")
        self._step = self._blob if blob else self._rows
        self._batches = itertools.cycle(batches)
        self._size = len(batches[0].metrics)

    async def _blob(self) -> None:
        self._db.execute("INSERT INTO batches (payload) VALUES (?)", (encode([next(self._batches)]),))

    async def _rows(self) -> None:
        rows = [(m.name, m.value, m.time, m.kind, m.unit, m.source) for m in next(self._batches).metrics]
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._db.execute("COMMIT")

    async def run(self, seconds: float) -> float:
        """See Contestant."""
        return await timed(seconds, self._size, self._step)


async def measure(size: int, *, seconds: float, rounds: int, directory: Path) -> bool:
    """Print the figures for batches of `size`; returns whether all targets are met."""
    batches = [batch(size, number) for number in range(KINDS)]
    # A batch an own record: what has gathered is never more than one batch.
    options = Options(segment_bytes=SEGMENT_BYTES, max_commit_offsets=size)
    journal = await Journal.open(str(directory / "journal"), options=options)
    contestants: dict[str, Contestant] = {
        "raw write + fdatasync": RawFile(directory, batches).run,
        "journal, 1 appender": JournalFile(journal, batches, 1).run,
        "journal, 2 appenders": JournalFile(journal, batches, 2).run,
        "SQLite, a blob a batch": SqliteFile(directory, batches, blob=True).run,
        "SQLite, 6 columns + index": SqliteFile(directory, batches, blob=False).run,
    }
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(rounds + 1):
        for name, run in contestants.items():
            rate = await run(seconds if round_ else 0.1)
            if round_:
                rates[name].append(rate)
    await journal.close()
    medians = {name: statistics.median(each) for name, each in rates.items()}
    raw = medians["raw write + fdatasync"]
    record = len(encode_record(encode([batches[0]]), Sealing(0, size, 1, True, 0, 0), SALT))
    print(f"\nbatches of {size} metrics, {record} bytes a record")
    for name, rate in medians.items():
        print(f"  {name:28}{rate:12,.0f} metrics/s {rate / size:8,.0f} syncs/s {rate / raw:6.2f} of raw")
    sqlite = max(rate for name, rate in medians.items() if name.startswith("SQLite"))
    target = 0.7 if size < 1000 else 0.5
    met = True
    for name in ("journal, 1 appender", "journal, 2 appenders"):
        for other, ratio, least in (
            ("raw", medians[name] / raw, target),
            ("SQLite", medians[name] / sqlite, 2.0),
        ):
            verdict = "PASS" if ratio >= least else "FAIL"
            print(f"  {verdict} {name}: {ratio:.2f} of {other}, at least {least}")
            met = met and ratio >= least
    return met


async def main(seconds: float, rounds: int, directory: Path) -> bool:
    """Measure both batch sizes."""
    met = True
    for size in (100, 1000):
        within = Path(tempfile.mkdtemp(prefix=".bench-journal-", dir=directory))
        try:
            met = await measure(size, seconds=seconds, rounds=rounds, directory=within) and met
        finally:
            shutil.rmtree(within)
    return met


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", type=Path, default=Path(__file__).resolve().parents[2])
    given = parser.parse_args()
    raise SystemExit(not uvloop.run(main(given.seconds, given.rounds, given.directory)))
