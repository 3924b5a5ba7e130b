"""The page in a real Chromium, before a real Forebay that takes 10,000 metrics a second.

    python -m tests.bench.bench_page [--only pixel,paint,frames,memory]
                                     [--rate 10000] [--seconds 20] [--minutes 2]

pixel   from right before a POST is sent until its value has been painted in the page's table, by the
        WebSocket and by Realtime (tests/realtime stands in for it, before a real PostgreSQL and PostgREST);
        same machine, same clock. Baseline: the interval of frames, 100 ms.
paint   from the start of the navigation of a new browser until the sentence of health and the figures have
        been painted, and the bytes that it takes. Baseline: the plain text of /healthz.
frames  animation frames a second and tasks over 50 ms with 20 live charts, each of four lines and their
        bands. Baseline: an empty page beside the same load.
memory  of the page with 20 live charts, after a collection, from a minute after it was opened on.

Server, load, database and browser share this machine; its load is printed with each part.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from typing import Any
from urllib.parse import urlencode

from playwright.async_api import Page, expect

from tests.bench import page_scripts, pages
from tests.bench.harness import median, verdict
from tests.bench.page_load import NAMES
from web.dashboard.build import DIST

PARTS = ("pixel", "paint", "frames", "memory")
VIEWS = ("overview", "explore", "sessions", "dead-letters", "system", "time", "flags", "transports")
WARM_UP = 10.0
SETTLED = 60.0
"""Seconds after which the page's rings of a minute are full."""
SCENES = (("5m", 1280, 800), ("5m", 1280, 5000), ("10s", 1280, 5000))
"""What charts show, and the size of the screen: a person's, and one on which all of them are in sight."""


async def pixel(rate: int, seconds: float) -> None:
    """Print how long it takes from POST to pixel, by each transport."""
    print(f"{'POST to pixel, ms':<28}{'p50':>8}{'p99':>8}{'worst':>8}{'seen':>8}{'metrics/s':>12}")
    print(f"{'interval of frames':<28}{100:>8}")
    found: dict[str, float] = {}
    for transport in ("websocket", "realtime"):
        with pages.forebay(realtime=transport == "realtime") as scene, pages.load(scene, rate):
            prober = pages.Prober(scene.port)
            async with pages.opened("about:blank") as page:
                sockets = opened_sockets(page)
                await page.goto(f"{scene.url}/?transport={transport}#/overview")
                await prober.run(WARM_UP)
                prober.sent.clear()
                await page.evaluate(page_scripts.LOOK, pages.PROBE)
                before, began = scene.accepted(), time.monotonic()
                await prober.run(seconds)
                rated = (scene.accepted() - before) / (time.monotonic() - began)
                await until(page, f"window.seen.at(-1)?.[0] === '{list(prober.sent)[-1]}'")
                took = latencies(prober.sent, await page.evaluate("window.seen"))
                words = await page.locator("#connection-text").inner_text()
            others = [url for url in sockets if ("/api/live" in url) != (transport == "websocket")]
        found[transport] = at(took, 0.99)
        print(
            f"{transport:<28}{at(took, 0.5):>8.0f}{found[transport]:>8.0f}{took[-1]:>8.0f}"
            f"{len(took):>8}{rated:>12,.0f}" + (f"  fell back: {words}" if others else "")
        )
    print()
    for transport, p99 in found.items():
        print(verdict(f"p99 from POST to pixel by {transport}, ms", p99, 500, at_most=True))


async def until(page: Page, expression: str) -> Any:
    """What `expression` is in the page, once it is something."""
    return await asyncio.wait_for(page.evaluate(page_scripts.UNTIL % expression), pages.LIMIT / 1000)


def opened_sockets(page: Page) -> list[str]:
    """The addresses of the WebSockets that the page opens from now on."""
    found: list[str] = []
    page.on("websocket", lambda socket: found.append(socket.url))
    return found


def latencies(sent: dict[str, float], seen: list[tuple[str, float]]) -> list[float]:
    """Milliseconds for each value, in order of size. One that never stood there, because a later one came
    with the same frame, was seen with that."""
    stood = dict(seen)
    took: list[float] = []
    when = float("inf")
    for value, began in reversed(sent.items()):
        when = min(when, stood.get(value, float("inf")))
        took.append(when - began)
    return sorted(took)


def at(values: list[float], share: float) -> float:
    return values[int(len(values) * share)]


async def paint(rate: int, rounds: int = 5) -> None:
    """Print when the first useful paint is, of an idle and of a busy Forebay, and what the page weighs."""
    print(f"{'first visit, ms':<28}{'first paint':>13}{'largest':>10}{'useful':>10}")
    useful: list[float] = []
    with pages.forebay() as scene:
        with pages.load(scene, rate):
            await asyncio.sleep(WARM_UP)
        print(f"{'/healthz':<28}{median([await bare(scene.url) for _ in range(rounds)]):>13.0f}")
        first = [await visit(scene.url) for _ in range(rounds)]
        with pages.load(scene, rate):
            busy = [await visit(scene.url) for _ in range(rounds)]
        for name, visits in (("the page", first), (f"beside {rate:,} metrics/s", busy)):
            figures = [median([each[key] for each in visits]) for key in ("first", "largest", "useful")]
            print(f"{name:<28}{figures[0]:>13.0f}{figures[1]:>10.0f}{figures[2]:>10.0f}")
            useful.append(figures[2])
        print(f"\n{'first visit, bytes':<28}{'page':>13}{'answers':>10}")
        weights = [await weigh(scene.url, [view]) for view in VIEWS]
        whole = await weigh(scene.url, VIEWS)
        for name, (page, answers) in zip([*VIEWS, "all of them"], [*weights, whole], strict=True):
            print(f"{name:<28}{page:>13,}{answers:>10,}")
    built = everything()
    print(f"{'every file, Realtime too':<28}{built:>13,}")
    print()
    print(verdict("first useful paint, s", useful[0] / 1000, 2, at_most=True))
    print(verdict("the same of a busy Forebay, s", useful[1] / 1000, 2, at_most=True))
    print(verdict("all views on the wire, kB", whole[0] / 1000, 150, at_most=True))
    print(verdict("every file that a browser can want, kB", built / 1000, 150, at_most=True))


async def visit(url: str) -> dict[str, float]:
    """Milliseconds until each of the paints, in a new browser."""
    async with pages.opened(url, init=page_scripts.PAINT) as page:
        await until(page, "window.useful")
        # The largest is the last of several.
        await asyncio.sleep(1)
        return await page.evaluate(page_scripts.PAINTS)


async def bare(url: str) -> float:
    """Milliseconds until a line of text is painted, in a new browser."""
    async with pages.opened(f"{url}/healthz") as page:
        return await until(page, page_scripts.FIRST)


async def weigh(url: str, views: Any) -> tuple[int, int]:
    """Bytes, headers included, that a new browser is sent to look at `views`: of the page, and of answers."""
    async with pages.opened("about:blank") as page:
        session = await page.context.new_cdp_session(page)
        urls: dict[str, str] = {}
        sizes: dict[str, int] = {}
        session.on(
            "Network.responseReceived",
            lambda event: urls.update({event["requestId"]: event["response"]["url"]}),
        )
        session.on(
            "Network.loadingFinished",
            lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}),
        )
        await session.send("Network.enable")
        for view in views:
            await page.goto(f"{url}/#/{view}")
            await expect(page.locator(f"a[href='#/{view}'][aria-current]").first).to_be_visible()
            # What is fetched when the view is there; some views ask again and again.
            await asyncio.sleep(1.5)
        answers = sum(
            size
            for key, size in sizes.items()
            if any(part in urls.get(key, "") for part in ("/api/", "/ofrep/"))
        )
        return int(sum(sizes.values()) - answers), int(answers)


def everything() -> int:
    """Bytes of all files of the page, compressed as they are served, without headers."""
    plain = [path for path in DIST.rglob("*") if path.suffix in {".html", ".js", ".css", ".svg"}]
    beside = [path.with_name(f"{path.name}.br") for path in plain]
    return sum(
        (small if small.exists() else path).stat().st_size for path, small in zip(plain, beside, strict=True)
    )


def charts(url: str, last: str) -> str:
    """The address of 20 live charts that show the time `last`."""
    names = [("name", each) for each in NAMES]
    return f"{url}/#/explore?{urlencode([*names, ('last', last)])}"


async def frames(rate: int, seconds: float) -> None:
    """Print frames a second and long tasks with 20 live charts."""
    print(
        f"{'20 live charts':<28}{'in sight':>10}{'frames/s':>10}{'p99 ms':>8}{'worst':>8}"
        f"{'tasks > 50 ms':>15}{'longest':>9}"
    )
    names: list[str] = []
    ratios: list[float] = []
    longest: list[float] = []
    with pages.forebay() as scene, pages.load(scene, rate):
        for last, width, height in SCENES:
            async with pages.opened("about:blank", width=width, height=height) as page:
                empty = await page.evaluate(page_scripts.FRAMES, seconds)
                tell("an empty page", 0, empty)
                await page.goto(charts(scene.url, last))
                await asyncio.sleep(WARM_UP)
                counted = await page.evaluate(page_scripts.FRAMES, seconds)
                sight = await page.evaluate(page_scripts.IN_SIGHT)
                tell(f"charts of {last}", sight, counted)
            names.append(f"{sight} charts of {last} in sight")
            ratios.append(counted["rate"] / empty["rate"])
            longest.append(max(counted["tasks"], default=0))
    print()
    for name, ratio, task in zip(names, ratios, longest, strict=True):
        print(verdict(f"{name}: frames/s / of an empty page", ratio, 0.95))
        print(verdict(f"{name}: longest task in ms, 0 if none is over 50", task, 50, at_most=True))


def tell(name: str, sight: int, counted: dict[str, Any]) -> None:
    tasks = counted["tasks"]
    print(
        f"{name:<28}{sight or '':>10}{counted['rate']:>10.1f}{counted['late']:>8.0f}{counted['worst']:>8.0f}"
        f"{len(tasks):>15}{max(tasks, default=0):>9.0f}",
        flush=True,
    )


async def memory(rate: int, minutes: float) -> None:
    """Print how the memory of the page with 20 live charts grows."""
    print(f"{'20 live charts, MB':<28}{'heap':>8}{'process':>9}{'nodes':>8}{'metrics/s':>12}")
    with pages.forebay() as scene, pages.load(scene, rate):
        async with pages.opened(charts(scene.url, "5m")) as page:
            await asyncio.sleep(SETTLED)
            process = await pages.renderer_of(page)
            began = time.monotonic()
            samples: list[tuple[float, float]] = []
            parts = 4
            before = scene.accepted()
            for part in range(parts + 1):
                due = began + part * minutes * 60 / parts
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                heap, nodes = await collected(page)
                samples.append((heap, pages.proportional(process)))
                elapsed = time.monotonic() - began
                rated = (scene.accepted() - before) / elapsed if part else 0
                name = f"after {(SETTLED + elapsed) / 60:.1f} min"
                print(f"{name:<28}{heap:>8.1f}{samples[-1][1]:>9.1f}{nodes:>8}{rated:>12,.0f}", flush=True)
    print()
    for name, place in (("heap", 0), ("process", 1)):
        growth = samples[-1][place] - samples[0][place]
        print(verdict(f"growth of the {name} in {minutes:g} min, MB", growth, 10, at_most=True))


async def collected(page: Page) -> tuple[float, int]:
    """Megabytes of JavaScript's heap after a collection, and how many nodes the document has."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    await session.send("HeapProfiler.collectGarbage")
    found = (await session.send("Performance.getMetrics"))["metrics"]
    await session.detach()
    values = {each["name"]: each["value"] for each in found}
    return values["JSHeapUsedSize"] / 1e6, int(values["Nodes"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas (all)")
    parser.add_argument("--rate", type=int, default=10_000, help="metrics a second")
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement of pixel and frames")
    parser.add_argument("--minutes", type=float, default=2, help="of memory")
    asked = parser.parse_args()
    for part in asked.only.split(","):
        print(f"\n-- {part} (load of the machine before: {os.getloadavg()[0]:.1f})")
        match part:
            case "pixel":
                asyncio.run(pixel(asked.rate, asked.seconds))
            case "paint":
                asyncio.run(paint(asked.rate))
            case "frames":
                asyncio.run(frames(asked.rate, asked.seconds))
            case "memory":
                asyncio.run(memory(asked.rate, asked.minutes))
            case _:
                parser.error(f"--only: no part {part!r}; there are {', '.join(PARTS)}")


if __name__ == "__main__":
    main()
