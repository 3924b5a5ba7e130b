"""The journal against a raw write + fdatasync of the same bytes, and against SQLite, in one run.

`python -m tests.bench.bench_journal [--rounds 15] [--directory .]`. Each batch of metrics is a record of its
own, synced before it is acknowledged. The contestants' rounds alternate, so that a slow moment of the machine
hits them alike; each figure is the median of the rounds. A round is half a segment, the next segment having
been made ahead: like the raw file, the journal writes into zeroes. The directory must be on a real disk: a
file system in memory syncs nothing.

Two forms, each against a raw file and SQLite with the bytes of that form: "encoded", where the metrics are
encoded as MessagePack within the time of the journal and of SQLite; and "as sent", validated JSON that is
kept as it came, which is what ingest appends for nearly every request.
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
from typing import TypeAlias

import msgspec
import uvloop

from journal.events import MetricsAccepted, MetricsAsSent, encode
from journal.framing import SEGMENT_HEADER_SIZE, Sealing, encode_record
from journal.log import Journal, Options
from journal.metric import Metric
from tests.journal.building import SALT

Batch: TypeAlias = MetricsAccepted | MetricsAsSent
Contestant = Callable[[int], Awaitable[float]]
"""Stores so many batches; returns metrics a second."""

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


async def timed(count: int, size: int, step: Callable[[], Awaitable[None]]) -> float:
    """Metrics a second of `step`, which stores one batch of `size`."""
    begin = time.perf_counter()
    for _ in range(count):
        await step()
    return count * size / (time.perf_counter() - begin)


def as_sent(batch: MetricsAccepted) -> MetricsAsSent:
    """`batch` as the JSON that a client sends."""
    return MetricsAsSent(msgspec.json.encode(batch.metrics), len(batch.metrics))


class RawFile:
    """The same bytes into a file of written zeroes: pwrite, fdatasync."""

    def __init__(self, path: Path, batches: list[Batch], size: int) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT)
        for position in range(0, SEGMENT_BYTES, 1 << 20):
            os.pwrite(self._fd, bytes(1 << 20), position)
        os.fsync(self._fd)
        sealing = Sealing(0, size, 1, True, 0, 0)
        self._records = itertools.cycle([encode_record(encode([each]), sealing, SALT) for each in batches])
        self._size = size
        self._position = SEGMENT_HEADER_SIZE

    async def _step(self) -> None:
        record = next(self._records)
        if self._position + len(record) > SEGMENT_BYTES:
            self._position = SEGMENT_HEADER_SIZE
        os.pwrite(self._fd, record, self._position)
        os.fdatasync(self._fd)
        self._position += len(record)

    async def run(self, count: int) -> float:
        """See Contestant."""
        return await timed(count, self._size, self._step)


class JournalFile:
    """The journal, `appenders` of them waiting each for its own acknowledgement."""

    def __init__(self, journal: Journal, batches: list[Batch], size: int, appenders: int) -> None:
        self._journal = journal
        self._batches = batches
        self._size = size
        self._appenders = appenders

    async def run(self, count: int) -> float:
        """See Contestant."""
        # Earlier rounds' segments make room for the next one, which is made ahead.
        await self._journal.retire([segment.first_offset for segment in self._journal.segments[:-1]])
        await self._journal.prepare()
        batches = itertools.cycle(self._batches)

        async def step() -> None:
            await self._journal.append([next(batches)])

        share = count // self._appenders
        return sum(await asyncio.gather(*(timed(share, self._size, step) for _ in range(self._appenders))))


class SqliteFile:
    """SQLite, WAL, synchronous=FULL, one transaction a batch."""

    def __init__(self, path: Path, batches: list[Batch], size: int) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._batches = itertools.cycle(batches)
        self._size = size
        self._make()

    def _make(self) -> None:
        self._db.execute("CREATE TABLE batches (first INTEGER PRIMARY KEY, payload BLOB)")

    async def _step(self) -> None:
        self._db.execute("INSERT INTO batches (payload) VALUES (?)", (encode([next(self._batches)]),))

    async def run(self, count: int) -> float:
        """See Contestant."""
        return await timed(count // 4, self._size, self._step)


class SqliteRows(SqliteFile):
    """The same with a row a metric, six columns and an index."""

    def _make(self) -> None:
        columns = "name TEXT, value REAL, time INTEGER, kind TEXT, unit TEXT, source TEXT"
        self._db.execute(f"CREATE TABLE metrics ({columns})")
        self._db.execute("CREATE INDEX metrics_by_name ON metrics (name, time)")

    async def _step(self) -> None:
        batch = next(self._batches)
        assert isinstance(batch, MetricsAccepted)
        rows = [(m.name, m.value, m.time, m.kind, m.unit, m.source) for m in batch.metrics]
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._db.execute("COMMIT")


async def measure(size: int, *, rounds: int, directory: Path) -> bool:
    """Print the figures for batches of `size`; returns whether all targets are met."""
    encoded: list[Batch] = [batch(size, number) for number in range(KINDS)]
    sent: list[Batch] = [as_sent(batch(size, number)) for number in range(KINDS)]
    count = SEGMENT_BYTES // 2 // len(encode([sent[0]]))
    # A batch an own record: what has gathered is never more than one batch.
    options = Options(segment_bytes=SEGMENT_BYTES, max_commit_offsets=size)
    journal = await Journal.open(str(directory / "journal"), options=options)
    contestants: dict[str, Contestant] = {}
    for form, batches in (("encoded", encoded), ("as sent", sent)):
        contestants |= {
            f"raw, {form}": RawFile(directory / f"{form}.raw", batches, size).run,
            f"journal, {form}, 1 appender": JournalFile(journal, batches, size, 1).run,
            f"journal, {form}, 2 appenders": JournalFile(journal, batches, size, 2).run,
            f"SQLite, {form}, a blob a batch": SqliteFile(directory / f"{form}.db", batches, size).run,
        }
    contestants["SQLite, encoded, 6 columns + index"] = SqliteRows(directory / "rows.db", encoded, size).run
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(rounds + 1):
        for name, run in contestants.items():
            rate = await run(count if round_ else count // 8)
            if round_:
                rates[name].append(rate)
    await journal.close()
    medians = {name: statistics.median(each) for name, each in rates.items()}
    lengths = [len(encode([batches[0]])) for batches in (encoded, sent)]
    print(f"\nbatches of {size} metrics; {lengths[0]} bytes encoded, {lengths[1]} as sent")
    for name, rate in medians.items():
        print(f"  {name:36}{rate:12,.0f} metrics/s {rate / size:8,.0f} syncs/s")
    results = [verdicts(medians, form, 0.7 if size < 1000 else 0.5) for form in ("encoded", "as sent")]
    return all(results)


def verdicts(medians: dict[str, float], form: str, least_of_raw: float) -> bool:
    """Print whether each journal of `form` reaches what issue 2 asks for; returns whether all do."""
    sqlite = medians[f"SQLite, {form}, a blob a batch"]
    targets = [("raw", medians[f"raw, {form}"], least_of_raw), ("SQLite, a blob a batch", sqlite, 2.0)]
    if form == "encoded":
        targets.append(("SQLite, 6 columns + index", medians["SQLite, encoded, 6 columns + index"], 2.0))
    met = True
    for name, rate in medians.items():
        if name.startswith(f"journal, {form}"):
            for other, of, least in targets:
                verdict = "PASS" if rate / of >= least else "FAIL"
                print(f"  {verdict} {name}: {rate / of:.2f} of {other}, at least {least}")
                met = met and rate / of >= least
    return met


async def main(rounds: int, directory: Path) -> bool:
    """Measure both batch sizes."""
    met = True
    for size in (100, 1000):
        within = Path(tempfile.mkdtemp(prefix=".bench-journal-", dir=directory))
        try:
            met = await measure(size, rounds=rounds, directory=within) and met
        finally:
            shutil.rmtree(within)
    return met


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--directory", type=Path, default=Path(__file__).resolve().parents[2])
    given = parser.parse_args()
    raise SystemExit(not uvloop.run(main(given.rounds, given.directory)))
