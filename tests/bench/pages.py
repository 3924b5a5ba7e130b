"""What the benchmark of the page looks at, and with: a Forebay under load, a Chromium, a probe, memory."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import msgspec
import psutil
from playwright.async_api import Browser, BrowserContext, Page

from tests.bench import harness
from tests.browser.chromium import running_chromium

LIMIT = 120_000
"""Milliseconds that anything in the page may take, a slow machine's included."""
PROBE = "a.probe"
"""The metric whose value is looked for: its name is the first in the page's table."""


class Scene(msgspec.Struct, frozen=True):
    """A running Forebay."""

    url: str
    port: int

    def accepted(self) -> int:
        return harness.get(f"{self.url}/api/status")["accepted"]


@contextlib.contextmanager
def forebay(*, realtime: bool = False) -> Generator[Scene]:
    """A Forebay with the embedded store; with `realtime` its store is a local Supabase, which has it."""
    port = harness.free_port()
    scene = Scene(f"http://127.0.0.1:{port}", port)
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(harness.scratch())
        variables = stack.enter_context(_supabase(directory)) if realtime else {}
        command = harness.forebay(
            os.path.join(directory, "data"), port, *(["--store", "supabase:"] if realtime else [])
        )
        log = os.path.join(directory, "log")
        stack.enter_context(
            harness.running(command, f"{scene.url}/readyz", log=log, FOREBAY_LOG_LEVEL="error", **variables)
        )
        yield scene


@contextlib.contextmanager
def load(scene: Scene, rate: int) -> Generator[None]:
    """`rate` metrics a second, from a process of its own."""
    command = [sys.executable, "-m", "tests.bench.page_load", f"{scene.url}/api/metrics", str(rate)]
    poster = subprocess.Popen(command, cwd=harness.ROOT)
    try:
        yield
    finally:
        poster.terminate()
        poster.wait()


@contextlib.contextmanager
def _supabase(directory: str) -> Generator[dict[str, str]]:
    """The variables of a Supabase that runs within the block, in a process of its own."""
    command = [
        *(sys.executable, "-m", "tests.supabase"),
        *("--port", str(harness.free_port()), "--db-port", str(harness.free_port())),
    ]
    log = Path(directory) / "supabase.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=harness.ROOT, stdout=subprocess.PIPE, stderr=out, text=True)
    try:
        variables: dict[str, str] = {}
        while "SUPABASE_JWT_SECRET" not in variables:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise SystemExit(f"no Supabase:\n{log.read_text()[-2000:]}")
            name, _, value = line.removeprefix("export ").strip().partition("=")
            variables[name] = value.strip("'")
        yield variables
    finally:
        process.terminate()
        process.wait()


@contextlib.asynccontextmanager
async def opened(
    address: str, *, width: int = 1280, height: int = 800, init: str = ""
) -> AsyncGenerator[Page]:
    """The page at `address` in a Chromium with a fresh profile; `init` runs before the page's own scripts."""
    async with running_chromium() as browser:
        page = await (await context(browser, width, height)).new_page()
        if init:
            await page.add_init_script(init)
        await page.goto(address)
        yield page


async def context(browser: Browser, width: int = 1280, height: int = 800) -> BrowserContext:
    """A profile of its own; it ends with the browser."""
    made = await browser.new_context(
        viewport={"width": width, "height": height}, locale="en-US", timezone_id="UTC"
    )
    made.set_default_timeout(LIMIT)
    return made


class Prober:
    """Posts PROBE with a new value each time, a few times a second; `sent` has when that began, in
    milliseconds since the epoch, by the value's text."""

    def __init__(self, port: int) -> None:
        self.sent: dict[str, float] = {}
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._ended = threading.Event()
        self._random = random.Random(1)

    async def run(self, seconds: float) -> None:
        await asyncio.to_thread(self._run, seconds)

    def _run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # Between 100 and 999 the page writes whole numbers as they are.
            value = 100 + len(self.sent) % 900
            began = time.time() * 1000
            body = msgspec.json.encode({"name": PROBE, "value": value, "source": "bench"})
            self._connection.request("POST", "/api/metrics", body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            answer.read()
            if answer.status == 202:
                self.sent[str(value)] = began
            # Not in step with the frames.
            time.sleep(self._random.uniform(0.05, 0.2))


def proportional(process: int) -> float:
    """Megabytes of memory of a process, what it shares counted by its part (PSS)."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3


async def renderer_of(page: Page) -> int:
    """The process that runs the page: of the browser's renderers the one that has worked most."""
    browser = page.context.browser
    assert browser is not None
    session = await browser.new_browser_cdp_session()
    found = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
    renderers = [psutil.Process(each["id"]) for each in found if each["type"] == "renderer"]
    return max(renderers, key=lambda process: sum(process.cpu_times()[:2])).pid
