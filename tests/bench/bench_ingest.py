"""Durable HTTP ingest against the same edge that only decodes, and against VictoriaMetrics.

`python -m tests.bench.bench_ingest [--seconds 4] [--rounds 3]`. Each server on one core, wrk with 64
connections on the other. `forebay` is the whole process: it syncs before it answers, and its SQLite
store drains on the same core meanwhile. `storeless` is the same with its store away, `slow` has 5 ms
added to every sync. VictoriaMetrics takes the same metrics as JSON lines (/api/v1/import) and does not
sync.
"""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack

import msgspec

from tests.bench import harness

PER_REQUEST = (100, 1)


def victoria_lines(count: int) -> bytes:
    return b"\n".join(
        msgspec.json.encode(
            {
                "metric": {"__name__": each["name"], "source": each["source"], **each["attributes"]},
                "values": [each["value"]],
                "timestamps": [each["time"] // 1_000_000],
            }
        )
        for each in harness.metrics(count)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="comma-separated names of servers")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(SERVERS)
    figures: dict[tuple[str, int], list[harness.Load]] = {}
    with harness.scratch() as directory:
        scripts = {
            (kind, n): harness.script(
                directory,
                f"{kind}-{n}",
                victoria_lines(n) if kind == "victoria" else msgspec.json.encode(harness.metrics(n)),
            )
            for kind in ("json", "victoria")
            for n in PER_REQUEST
        }
        for _ in range(options.rounds):
            for name in names:
                with harness.scratch() as data, ExitStack() as stack:
                    port = harness.free_port()
                    command, ready, path = SERVERS[name](data, port)
                    log = os.path.join(directory, f"{name}.log")
                    stack.enter_context(harness.running(command, ready, log=log, FOREBAY_LOG_LEVEL="error"))
                    for n in PER_REQUEST:
                        kind = "victoria" if name == "victoria" else "json"
                        load = harness.wrk(path, scripts[kind, n], seconds=options.seconds)
                        figures.setdefault((name, n), []).append(load)
    report(names, figures)


def _own(command: list[str], port: int) -> tuple[list[str], str, str]:
    base = f"http://127.0.0.1:{port}"
    return command, f"{base}/healthz", f"{base}/api/metrics"


def _victoria(data: str, port: int) -> tuple[list[str], str, str]:
    program = harness.peer("victoria-metrics")
    base = f"http://127.0.0.1:{port}"
    command = [program, f"-storageDataPath={data}/victoria", f"-httpListenAddr=127.0.0.1:{port}"]
    return command, f"{base}/health", f"{base}/api/v1/import"


SERVERS = {
    "forebay": lambda data, port: _own(harness.forebay(f"{data}/forebay", port), port),
    "storeless": lambda data, port: _own(harness.variant("storeless", f"{data}/forebay", port), port),
    "slow": lambda data, port: _own(harness.variant("slow", f"{data}/forebay", port), port),
    "decode": lambda data, port: _own(harness.variant("decode", data, port), port),
    "victoria": _victoria,
}


def report(names: list[str], figures: dict[tuple[str, int], list[harness.Load]]) -> None:
    rate: dict[tuple[str, int], float] = {}
    for n in PER_REQUEST:
        print(f"\n{n} metric{'s' if n > 1 else ''} a request, 64 connections")
        print(f"{'server':<12}{'requests/s':>12}{'metrics/s':>14}{'p50 ms':>9}{'p99 ms':>9}{'refused':>9}")
        for name in names:
            loads = figures[name, n]
            rate[name, n] = harness.median([each.requests_per_second for each in loads])
            p50, p99 = (harness.median([getattr(each, p) for each in loads]) for p in ("p50_ms", "p99_ms"))
            refused = sum(each.refused for each in loads)
            per_second = f"{rate[name, n]:>12,.0f}{rate[name, n] * n:>14,.0f}"
            print(f"{name:<12}{per_second}{p50:>9.2f}{p99:>9.2f}{refused:>9,}")
    print()
    for n in PER_REQUEST:
        for ours in ("forebay", "storeless"):
            for other, target in (("decode", 0.75), ("victoria", 1.0)):
                if (ours, n) in rate and (other, n) in rate:
                    ratio = rate[ours, n] / rate[other, n]
                    print(harness.verdict(f"{ours} / {other}, {n} a request", ratio, target))
        if ("slow", n) in rate and ("forebay", n) in rate:
            ratio = rate["slow", n] / rate["forebay", n]
            print(harness.verdict(f"5 ms added to every sync / without, {n} a request", ratio, 0.5))
    print("\n64 connections that wait 5 ms for each answer cannot make more than 12,800 requests/s.")


if __name__ == "__main__":
    main()
