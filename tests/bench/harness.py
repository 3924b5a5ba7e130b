"""What the benchmarks of the whole process share: servers on one core, load from the other, a table.

Absolute times wander; each benchmark therefore measures its baseline in the same run, in alternating
rounds, and prints ratios of medians.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "bench"
SERVER_CORE, LOAD_CORE = "0", "1"


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A directory on the disk of the repository: a temporary file system would make syncs free."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=CACHE, prefix="run-")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return msgspec.json.decode(answer.read())


def wait_until_ok(url: str, process: subprocess.Popen[bytes], log: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = Path(log).read_text(errors="replace")[-2000:]
            raise SystemExit(f"server ended with {process.returncode}:\n{said}")
        with (
            contextlib.suppress(OSError, urllib.error.URLError),
            urllib.request.urlopen(url, timeout=1),
        ):
            return
        time.sleep(0.005)
    raise SystemExit(f"{url}: not ready within {seconds} s")


@contextlib.contextmanager
def running(
    command: list[str], ready: str, *, core: str = SERVER_CORE, log: str = os.devnull, **variables: str
) -> Generator[subprocess.Popen[bytes]]:
    """`command` on one core, ready when the URL `ready` answers; ended when the block does."""
    environment = {**os.environ, "GOMAXPROCS": "1", **variables}
    with open(log, "wb") as out:
        process = subprocess.Popen(
            ["taskset", "-c", core, *command], stdout=out, stderr=out, env=environment, cwd=ROOT
        )
        try:
            wait_until_ok(ready, process, log)
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(40)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def forebay(data: str, port: int, *arguments: str) -> list[str]:
    """The command line of the real process."""
    return [sys.executable, "-m", "actors", "run", "--data", data, "--port", str(port), *arguments]


def variant(name: str, data: str, port: int) -> list[str]:
    """The command line of a server of tests/bench/servers.py."""
    return [sys.executable, "-m", "tests.bench.servers", name, data, str(port)]


def peer(program: str, *packages: str) -> str:
    """The path of `program`: of this machine, or unpacked (no root needed) from Debian's packages."""
    found = shutil.which(program)
    if found:
        return found
    unpacked = CACHE / "peers"
    path = unpacked / "usr" / "bin" / program
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for package in packages or (program,):
            subprocess.run(["apt-get", "download", package], cwd=CACHE, check=True, stdout=subprocess.DEVNULL)
            archive = next(CACHE.glob(f"{package}_*.deb"))
            subprocess.run(["dpkg", "-x", archive, unpacked], check=True)
    library = unpacked / "usr" / "lib" / "x86_64-linux-gnu"
    os.environ["LD_LIBRARY_PATH"] = f"{library}:{os.environ.get('LD_LIBRARY_PATH', '')}"
    return str(path)


class Load(msgspec.Struct, frozen=True):
    """What wrk measured."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    refused: int


def wrk(url: str, script: str, *, seconds: int, connections: int = 64) -> Load:
    """Load from the other core."""
    program = peer("wrk", "libluajit-5.1-common", "libluajit-5.1-2", "wrk")
    out = subprocess.run(
        [
            *("taskset", "-c", LOAD_CORE, program, "-t1", f"-c{connections}", f"-d{seconds}"),
            *("--latency", "-s", script, url),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return Load(
        float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),  # type: ignore[index]
        _milliseconds(re.search(r"50%\s+([\d.]+\w+)", out)[1]),  # type: ignore[index]
        _milliseconds(re.search(r"99%\s+([\d.]+\w+)", out)[1]),  # type: ignore[index]
        int(refused[1]) if refused else 0,
    )


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def script(directory: str, name: str, body: bytes, content_type: str = "application/json") -> str:
    """A wrk script that posts `body`."""
    path = os.path.join(directory, f"{name}.lua")
    payload = os.path.join(directory, f"{name}.body")
    Path(payload).write_bytes(body)
    Path(path).write_text(
        f'wrk.method = "POST"\nlocal f = io.open("{payload}", "rb")\nwrk.body = f:read("*a")\nf:close()\n'
        f'wrk.headers["Content-Type"] = "{content_type}"\n'
    )
    return path


def metrics(count: int, *, start: int = 0) -> list[dict[str, Any]]:
    """`count` metrics as an AI server sends them: ten names, a source, an attribute."""
    now = time.time_ns()
    return [
        {
            "name": f"inference.latency.{i % 10}",
            "value": 0.5 + i % 1000,
            "time": now + i,
            "source": f"worker-{i % 7}",
            "attributes": {"host": "a1"},
        }
        for i in range(start, start + count)
    ]


def median(values: list[float]) -> float:
    return statistics.median(values)


def verdict(name: str, ratio: float, target: float, *, at_most: bool = False) -> str:
    """One line that says whether a target is met."""
    good = ratio <= target if at_most else ratio >= target
    bound = "at most" if at_most else "at least"
    return f"{'PASS' if good else 'FAIL'}  {name}: {ratio:.2f} ({bound} {target:g})"
