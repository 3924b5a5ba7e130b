"""A Chromium to drive: the machine's, or else the one in npm's `@sparticuz/chromium` (Linux on x86-64)."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser, async_playwright

from web.dashboard.build import alone, find_node, install

HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
UNPACKED = HERE / "node_modules" / ".chromium"
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_UNPACK = "import('@sparticuz/chromium').then((it) => it.default.executablePath()).then(console.log)"


class ChromiumMissingError(Exception):
    """There is no Chromium, and npm has none to offer."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"no Chromium: install one ({', '.join(NAMES)}), or let npm reach its registry\n{reason}"
        )


class Chromium(NamedTuple):
    """A program, and what its environment must have."""

    path: Path
    env: dict[str, str]


def find_chromium(wish: str = "") -> Chromium:
    """The Chromium that `wish` names: a path, `system`, `npm`, or "" for the machine's, else npm's.

    Raises ChromiumMissingError; NodeMissingError and CommandError of web.dashboard.build.
    """
    if wish not in ("", "system", "npm"):
        return Chromium(Path(wish), {})
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found and wish != "npm":
        return Chromium(Path(found), {})
    if wish == "system":
        raise ChromiumMissingError("none of these is on PATH, and no other was to be taken")
    with alone(HERE):
        install(HERE)
        return _unpacked()


@asynccontextmanager
async def running_chromium(*, show: bool = False) -> AsyncGenerator[Browser]:
    """The Chromium that the variable FOREBAY_BROWSER names, with a profile of its own; ended after the block.

    Raises as `find_chromium` does.
    """
    chromium = await asyncio.to_thread(find_chromium, os.environ.get("FOREBAY_BROWSER", ""))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium.path,
            args=list(FLAGS),
            env={**os.environ, **chromium.env},
            headless=not show,
            slow_mo=300 if show else None,
        )
        yield browser
        await browser.close()


def _unpacked() -> Chromium:
    UNPACKED.mkdir(exist_ok=True)
    # Told that it is on Lambda, the package unpacks the libraries too that a bare machine lacks.
    env = {**os.environ, "TMPDIR": str(UNPACKED), "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x"}
    command = [str(find_node().node), "-e", _UNPACK]
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, check=False)
    path = Path(done.stdout.strip())
    if done.returncode != 0 or not path.is_file():
        raise ChromiumMissingError(done.stderr)
    needed: dict[str, str] = {}
    linked = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False).stdout
    if "not found" in linked:
        needed["LD_LIBRARY_PATH"] = str(UNPACKED / "al2023" / "lib")
    if not Path("/etc/fonts/fonts.conf").exists():
        needed["FONTCONFIG_PATH"] = str(UNPACKED / "fonts")
    return Chromium(path, needed)
