"""From POST to the frame in a WebSocket client, at 50,000 metrics a second.

`python -m tests.bench.bench_live [--rate 50000] [--seconds 15]`. Each metric's time is taken right before its
request is sent; the client compares it with its own clock, the same one. Baseline: the frame interval,
100 ms, below which waiting for the next frame alone would go.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time

import msgspec
from websockets.asyncio.client import connect

from tests.bench import harness


class Live(msgspec.Struct):
    offset: int
    time: int


class Frame(msgspec.Struct):
    type: str
    metrics: list[Live] = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=15)
    options = parser.parse_args()
    port = harness.free_port()
    base = f"http://127.0.0.1:{port}"
    with harness.scratch() as directory:
        command = harness.forebay(os.path.join(directory, "data"), port)
        log = os.path.join(directory, "log")
        with harness.running(command, f"{base}/readyz", log=log, FOREBAY_LOG_LEVEL="error"):
            poster = subprocess.Popen(
                [
                    *("taskset", "-c", harness.LOAD_CORE, sys.executable, "-m", "tests.bench.poster"),
                    *(f"{base}/api/metrics", str(options.rate)),
                ],
                cwd=harness.ROOT,
            )
            try:
                took, gaps = asyncio.run(listen(f"ws://127.0.0.1:{port}/api/live", options.seconds))
            finally:
                poster.terminate()
                poster.wait()
    took.sort()
    rate = len(took) / options.seconds
    print(f"\n{len(took):,} metrics in frames, {rate:,.0f} a second, {gaps} gaps")
    print(f"p50 {_at(took, 0.5):.0f} ms   p99 {_at(took, 0.99):.0f} ms   worst {took[-1] / 1e6:.0f} ms\n")
    print(harness.verdict("p99 in ms", _at(took, 0.99), 150, at_most=True))
    print(harness.verdict("share of the rate that was asked for", rate / options.rate, 0.95))


def _at(values: list[int], share: float) -> float:
    return values[int(len(values) * share)] / 1e6


async def listen(url: str, seconds: float) -> tuple[list[int], int]:
    took: list[int] = []
    gaps = 0
    decoder = msgspec.json.Decoder(Frame)
    async with connect(url, max_size=None, compression=None) as socket:
        warm = time.monotonic() + 2
        end = warm + seconds
        async for text in socket:
            now, frame = time.time_ns(), decoder.decode(text)
            if time.monotonic() > end:
                break
            if time.monotonic() < warm:
                continue
            gaps += frame.type == "gap"
            took += [now - metric.time for metric in frame.metrics]
    return took, gaps


if __name__ == "__main__":
    main()
