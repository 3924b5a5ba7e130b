"""The page in a real Chromium, before a real Forebay.

    async def test_a_metric_is_seen(page: Page, forebay: Forebay) -> None:
        await page.goto(forebay.url)
        …

`page` (a Page of Playwright's async API) belongs to `context`; `new_context(**options)` makes further ones,
which is to say browsers of other people. A test fails when a page has an error in its console, an exception
that nobody caught, or a violation of its Content-Security-Policy; `problems.expect(PATTERN)` names those that
the test provokes itself. `forebay` keeps everything in SQLite, `forebay_on_supabase` in a local Supabase,
which `supabase` is, and has Realtime. `launch` makes others (tests/process/conftest.py). Wait with
`expect(…)` of playwright.async_api: its deadline is `LIMIT` here. Forebay's own methods block the
loop for as long as they ask: give those that wait to `asyncio.to_thread`.

Variables, for who wants to look:

- `FOREBAY_BROWSER_SHOW=1` shows the browser (with a display), every step slowed down
- `FOREBAY_BROWSER_TRACE=1` keeps a trace of each test that fails: `playwright show-trace FILE`
- `FOREBAY_BROWSER_KEEP=DIR` is where traces, and screenshots of what fails, go: `.cache/browser` by default
- `FOREBAY_BROWSER=npm | system | PATH` is the Chromium to take: the machine's, else npm's, by default
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.chromium import running_chromium
from tests.browser.problems import Problems
from tests.process.conftest import Launch, launch
from tests.process.forebay import LIMIT, ROOT, Forebay
from tests.supabase.fixtures import *  # noqa: F403 - fixtures: what of them is meant stands there
from tests.supabase.stack import LocalSupabase

__all__ = ["launch"]

SHOW = bool(os.environ.get("FOREBAY_BROWSER_SHOW"))
TRACE = bool(os.environ.get("FOREBAY_BROWSER_TRACE"))
KEEP = Path(os.environ.get("FOREBAY_BROWSER_KEEP") or ROOT / ".cache" / "browser")
FAILED = pytest.StashKey[bool]()
SERVERS = ("forebay", "forebay_on_supabase")

NewContext = Callable[..., Awaitable[BrowserContext]]

expect.set_options(timeout=LIMIT * 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever starts a browser is slow."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know that the test failed, for they make the pictures."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A Chromium for all tests of a file, with a profile of its own."""
    async with running_chromium(show=SHOW) as browser:
        yield browser


@pytest.fixture
def problems() -> Problems:
    """What the pages complain of; see `new_context`."""
    return Problems()


@pytest.fixture
def servers_first(request: pytest.FixtureRequest) -> None:
    """Servers of the test start before its pages and go after them: a page that lost its server complains."""
    for name in SERVERS:
        if name in request.fixturenames:
            request.getfixturevalue(name)


@pytest.fixture
async def new_context(
    browser: Browser, problems: Problems, servers_first: None, request: pytest.FixtureRequest
) -> AsyncIterator[NewContext]:
    """Makes contexts, which share nothing with each other; takes the options of `Browser.new_context`."""
    made: list[BrowserContext] = []

    async def make(**options: Any) -> BrowserContext:
        usual = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US", "timezone_id": "UTC"}
        context = await browser.new_context(**{**usual, **options})
        context.set_default_timeout(LIMIT * 1000)
        await problems.watch(context)
        if TRACE:
            await context.tracing.start(screenshots=True, snapshots=True)
        made.append(context)
        return context

    yield make
    failed = request.node.stash.get(FAILED, False) or bool(problems.unexpected())
    for number, context in enumerate(made):
        if failed:
            await _keep(context, f"{request.node.name}-{number}")
        await context.close()
    assert not problems.unexpected(), "the page complains:\n" + "\n".join(problems.unexpected())


async def _keep(context: BrowserContext, name: str) -> None:
    """Write what the pages of `context` show, and the trace if there is one, to `KEEP`."""
    name = re.sub(r"[^\w.-]+", "-", name)
    for number, page in enumerate(context.pages):
        await page.screenshot(path=KEEP / f"{name}-{number}.png")
    if TRACE:
        await context.tracing.stop(path=KEEP / f"{name}.zip")


@pytest.fixture
async def context(new_context: NewContext) -> BrowserContext:
    """One person's browser, 1280 wide and light."""
    return await new_context()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """An empty tab of `context`."""
    return await context.new_page()


@pytest.fixture
def forebay(launch: Launch) -> Forebay:
    """A running Forebay with the embedded store."""
    return launch(env={"FOREBAY_SEGMENT_BYTES": "1MiB"}).start()


@pytest.fixture
def forebay_on_supabase(launch: Launch, supabase: LocalSupabase) -> Iterator[Forebay]:
    """A running Forebay whose store is `supabase`, with Realtime, by the variables that a user sets."""
    env = {**supabase.environment(), "FOREBAY_SEGMENT_BYTES": "1MiB"}
    forebay = launch("--store", "supabase:", env=env).start()
    yield forebay
    # Before Supabase goes: the process would spend its last seconds on complaints.
    forebay.close()
