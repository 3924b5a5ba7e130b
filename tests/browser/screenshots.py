"""`python -m tests.browser.screenshots --to DIR`: pictures of every view, light and dark, wide and narrow."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser

from tests.browser.chromium import running_chromium
from tests.browser.problems import Problems
from tests.browser.scenes import bury
from tests.process.forebay import ROOT, Forebay, environment

VIEWS = ("overview", "explore", "sessions", "dead-letters", "system", "time", "flags", "transports")
SCHEMES = ("light", "dark")
WIDTHS = (1280, 380)
SHOTS = ROOT / ".cache" / "shots"
_EPILOG = """\
examples:
  python -m tests.browser.screenshots --to shots
      before a Forebay of its own, which is sent what `forebay demo` sends
  python -m tests.browser.screenshots --to shots --url http://127.0.0.1:8420
  python -m tests.browser.screenshots --to shots --only system,'explore?window=5m' --widths 380

DIR/VIEW-SCHEME-WIDTH.png is a view in its whole height. What a page complains of,
and whether it is wider than the window, is printed and makes the exit code 1.
"""


class Shot(NamedTuple):
    """One browser's look: its views one after the other."""

    scheme: str
    width: int


def main(argv: Sequence[str] | None = None) -> int:
    """Take them; the exit code: 0 taken, 1 a page complained."""
    args = _arguments(argv)
    args.to.mkdir(parents=True, exist_ok=True)
    with contextlib.nullcontext(args.url) if args.url else _demo(args.warm_up) as url:
        complaints = asyncio.run(_take_all(url, args))
    for each in complaints:
        print(each, file=sys.stderr)
    return 1 if complaints else 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(
        prog="python -m tests.browser.screenshots",
        description="A picture of every view of the page.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--to", type=Path, default=SHOTS, metavar="DIR", help="where they go (.cache/shots)")
    parser.add_argument("--url", help="a running Forebay (default: one of its own)")
    parser.add_argument("--only", type=_words, default=VIEWS, metavar="VIEWS", help="with commas (all)")
    parser.add_argument("--schemes", type=_words, default=SCHEMES, help="light,dark")
    parser.add_argument("--widths", type=_numbers, default=WIDTHS, help="pixels (1280,380)")
    parser.add_argument("--settle", type=float, default=2.0, help="seconds that a view is left to fill (2)")
    parser.add_argument("--warm-up", type=float, default=20.0, help="seconds of demo before the first (20)")
    return parser.parse_args(argv)


def _words(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


@contextlib.contextmanager
def _demo(seconds: float) -> Iterator[str]:
    """A Forebay that has been sent realistic metrics for some time, and still is; some are dead letters."""
    with tempfile.TemporaryDirectory() as home:
        forebay = Forebay(Path(home)).start()
        command = [sys.executable, "-m", "actors", "demo", "--url", forebay.url, "--rate", "500"]
        demo = subprocess.Popen(
            [*command, "--seed", "1"], cwd=home, env=environment({}), stdout=subprocess.DEVNULL
        )
        try:
            bury(forebay)
            with contextlib.suppress(subprocess.TimeoutExpired):
                demo.wait(seconds)
            yield forebay.url
        finally:
            demo.kill()
            demo.wait()
            forebay.close()


async def _take_all(url: str, args: Namespace) -> list[str]:
    """Take every picture; what the pages complained of."""
    async with running_chromium() as browser:
        looks = [Shot(*each) for each in product(args.schemes, args.widths)]
        found = [await _take(browser, url, look, args) for look in looks]
    return [complaint for each in found for complaint in each]


async def _take(browser: Browser, url: str, look: Shot, args: Namespace) -> list[str]:
    problems, complaints = Problems(), list[str]()
    context = await browser.new_context(
        color_scheme="dark" if look.scheme == "dark" else "light",
        viewport={"width": look.width, "height": 800},
        locale="en-US",
        reduced_motion="reduce",
    )
    await problems.watch(context)
    page = await context.new_page()
    for view in args.only:
        await page.goto(f"{url}/#/{view}")
        await page.wait_for_timeout(args.settle * 1000)
        name = "".join(each if each.isalnum() or each == "-" else "-" for each in view)
        path = args.to / f"{name}-{look.scheme}-{look.width}.png"
        await page.screenshot(path=path, full_page=True)
        print(path)
        wide = await page.evaluate("() => document.documentElement.scrollWidth")
        if wide > look.width:
            problems.found.append(f"{wide} pixels wide, which scrolls sideways")
        complaints += [f"{view} {look.scheme} {look.width}: {each}" for each in problems.found]
        problems.found.clear()
    await context.close()
    return complaints


if __name__ == "__main__":
    sys.exit(main())
