"""The journal tool: `dump --json`, `replay --print-state` and `verify`, each against what it cannot avoid.

`python -m tests.bench.bench_tool [--rounds 5] [--metrics 2000000] [--only dump fold verify]`. Journals of the
two forms in which metrics are kept, MessagePack and JSON as sent, with 100 metrics a record and with one.

- dump, fold: metrics a second of the whole process, from its start to its end, its output going to a pipe
  that is read, and to /dev/null; against decoding the same payloads, in memory already, into list[Metric] by
  msgspec in a bare loop: no reading, no checksum, no envelope, nothing done with what was decoded.
- verify: seconds of reading and checking, without the start of a process, which is told apart; against (a)
  zlib.crc32 over chunks of 256 KiB of the same bytes, and (b) a loop that for each record unpacks its header
  and takes the checksum of its payload.

The rounds of all contestants alternate; figures are medians. The targets are for 100 metrics a record. With
one (a quarter as many metrics) the bare loop's one call of msgspec takes no longer than a call that only
takes a checksum: those figures are told, and miss them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from struct import Struct
from typing import Final, TypeAlias

import msgspec

from journal.events import Appendable, MetricsAsSent, pack_metrics
from journal.framing import SEGMENT_HEADER_SIZE
from journal.inspect import SegmentReport, verify
from journal.log import Journal, Options
from journal.metric import Metric
from tests.bench import harness

SECTIONS: Final = {"dump": 0.3, "fold": 0.6, "verify": 1.5}
"""Each with its target: metrics a second of the bare loop's, or seconds of the plain loop's."""
DIFFERENT: Final = 32
CHUNK: Final = 256 * 1024
HEADER = Struct("<4sIQIIqIIII")

Contestant: TypeAlias = Callable[[], float]
"""Does its work once; returns the seconds that it took."""


class Made(msgspec.Struct):
    """A journal, and its payloads as the bare loop has them: `decode` makes list[Metric] of each."""

    data: str
    metrics: int
    payloads: list[bytes]
    decode: Callable[[bytes], list[Metric]]

    @property
    def segments(self) -> list[Path]:
        return sorted(Path(self.data, "journal").glob("*.segment"))


async def make(data: str, form: str, size: int, metrics: int) -> Made:
    """A journal in `data` with `metrics` in records of `size`, in the form "as sent" or "packed"."""
    bodies = [msgspec.json.encode(harness.metrics(size, start=i * size)) for i in range(DIFFERENT)]
    lists = [msgspec.json.decode(body, type=list[Metric]) for body in bodies]
    decode: Callable[[bytes], list[Metric]] = msgspec.json.Decoder(list[Metric]).decode
    events: list[Appendable] = [MetricsAsSent(body, size) for body in bodies]
    payloads = bodies
    if form == "packed":
        decode = msgspec.msgpack.Decoder(list[Metric]).decode
        events = [pack_metrics(some) for some in lists]
        payloads = [msgspec.msgpack.encode(some) for some in lists]
    # What has gathered is never more than one append: each is a record of its own.
    options = Options(durability="os", max_commit_offsets=size)
    journal = await Journal.open(os.path.join(data, "journal"), options=options)
    count = metrics // size
    for start in range(0, count, 1000):
        await journal.prepare()
        await asyncio.gather(
            *(journal.append([events[i % DIFFERENT]]) for i in range(start, min(start + 1000, count)))
        )
    await journal.close()
    # Copies: equal payloads of one object would stay in the cache.
    copies = [bytes(bytearray(payloads[i % DIFFERENT])) for i in range(count)]
    return Made(data, count * size, copies, decode)


def bare(made: Made) -> float:
    """The bare msgspec loop."""
    decode = made.decode
    began = time.perf_counter()
    for payload in made.payloads:
        decode(payload)
    return time.perf_counter() - began


def tool(arguments: list[str], *, to: str) -> float:
    """The journal tool as a process, its output read by us or going to /dev/null."""
    command = [sys.executable, "-m", "journal", *arguments]
    began = time.perf_counter()
    if to == "null":
        subprocess.run(command, cwd=harness.ROOT, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began
    with subprocess.Popen(command, cwd=harness.ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while os.read(process.stdout.fileno(), 1 << 20):
            pass
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return time.perf_counter() - began


def verified(made: Made) -> float:
    """`verify` without the start of its process."""
    began = time.perf_counter()
    for step in verify(os.path.join(made.data, "journal")):
        if not isinstance(step, SegmentReport):
            raise SystemExit(f"a finding: {step}")
    return time.perf_counter() - began


def plain_chunks(made: Made) -> float:
    """(a): read and checksum every byte, by the chunk."""
    began = time.perf_counter()
    for path in made.segments:
        check = 0
        with path.open("rb", buffering=0) as file:
            while data := file.read(CHUNK):
                check = zlib.crc32(data, check)
    return time.perf_counter() - began


def plain_records(made: Made) -> float:
    """(b): read by the chunk; for each record, unpack the header and checksum the payload."""
    began = time.perf_counter()
    for path in made.segments:
        with path.open("rb", buffering=0) as file:
            _checksum_records(file.fileno())
    return time.perf_counter() - began


def _checksum_records(fd: int) -> None:
    at = SEGMENT_HEADER_SIZE
    while data := os.pread(fd, CHUNK, at):
        position = 0
        while position + HEADER.size <= len(data):
            magic, length, *_, wanted, _ = HEADER.unpack_from(data, position)
            if magic != b"FBr1":
                return
            end = position + (HEADER.size + length + 11 & ~7)
            if end > len(data):
                break
            if zlib.crc32(memoryview(data)[position + HEADER.size : end]) != wanted:
                raise SystemExit(f"byte {at + position}: damaged")
            position = end
        at += position


def medians(contestants: dict[str, Contestant], rounds: int) -> dict[str, float]:
    """Seconds of each, their rounds alternating, after one that does not count."""
    took: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(rounds + 1):
        for name, run in contestants.items():
            seconds = run()
            if round_:
                took[name].append(seconds)
    return {name: harness.median(each) for name, each in took.items()}


def contestants_of(section: str, made: Made) -> dict[str, Contestant]:
    """Who runs in a section, by their columns."""
    nothing = partial(tool, ["dump", "--json", "--limit", "0", made.data], to="null")
    match section:
        case "dump":
            command = ["dump", "--json", made.data]
        case "fold":
            command = ["replay", "--print-state", made.data]
        case _:
            return {
                "verify": partial(verified, made),
                "(a) chunks": partial(plain_chunks, made),
                "(b) records": partial(plain_records, made),
                "process": partial(tool, ["verify", made.data], to="null"),
            }
    return {
        "into a pipe": partial(tool, command, to="pipe"),
        "/dev/null": partial(tool, command, to="null"),
        "bare loop": partial(bare, made),
        "a start alone": nothing,
    }


def section(name: str, journals: dict[str, Made], rounds: int, target: float) -> None:
    """Measure and print one section."""
    verdicts: list[str] = []
    for label, made in journals.items():
        took = medians(contestants_of(name, made), rounds)
        columns = [f"{each} {seconds:.3f} s" for each, seconds in took.items()]
        print(f"{name:7}{label:22}{', '.join(columns)}", flush=True)
        if name == "verify":
            verdicts += [
                harness.verdict(
                    f"{name}, {label}, against {other}", took[name] / took[other], target, at_most=True
                )
                for other in ("(a) chunks", "(b) records")
            ]
            continue
        for way in ("into a pipe", "/dev/null"):
            said = f"{name} {way}, {label}, {made.metrics / took[way] / 1e6:.2f} M metrics/s"
            verdicts.append(harness.verdict(said, took["bare loop"] / took[way], target))
    print(*verdicts, "", sep="\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--metrics", type=int, default=2_000_000)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    options = parser.parse_args()
    with harness.scratch() as directory:
        journals = {
            f"{size} a record, {form}": asyncio.run(
                make(f"{directory}/{form}-{size}", form, size, options.metrics // (1 if size > 1 else 4))
            )
            for size in (100, 1)
            for form in ("as sent", "packed")
        }
        for name, target in SECTIONS.items():
            if name in options.only:
                section(name, journals, options.rounds, target)


if __name__ == "__main__":
    main()
