"""Who sends, on the page, before a real Forebay."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Page, Route, expect

from tests.browser.axe import grave_findings
from tests.browser.conftest import NewContext
from tests.browser.problems import Problems
from tests.process.forebay import Forebay


def send(forebay: Forebay, source: str, session: str = "", count: int = 1) -> None:
    metrics = [{"name": "load", "value": 1.0, "source": source, "session": session}] * count
    forebay.post(metrics).raise_for_status()


async def test_who_sends_is_listed_as_they_begin(page: Page, forebay: Forebay) -> None:
    """A sender appears without a reload, with its exact count; the list is filtered and ordered by address; a
    row leads to the charts of that sender; nothing grave stands in the way of a reader of screens."""
    send(forebay, "worker-10", "run-1", 7)
    await page.goto(f"{forebay.url}/#/sessions")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(1)
    send(forebay, "worker-9", "run-2", 3)
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("worker-9")
    await expect(rows.nth(1).locator(".sent")).to_have_text("7")
    await expect(rows.first.locator(".sent")).to_have_text("3")
    assert await grave_findings(page) == []
    await page.get_by_label("Filter by source or session").fill("RUN-1")
    await expect(rows).to_have_count(1)
    await page.get_by_role("button", name="Rate").click()
    await expect(page).to_have_url(re.compile(r"#/sessions\?filter=RUN-1&sort=rate$"))
    await page.reload()
    await expect(rows).to_have_count(1)
    await expect(rows.first.get_by_role("link")).to_have_attribute(
        "href", "#/explore?name=load&source=worker-10&session=run-1"
    )


async def test_who_falls_silent_is_named_and_who_goes_on_is_not(page: Page, forebay: Forebay) -> None:
    """A sender that is overdue is named at the top and announced, by what Forebay says; its next metric ends
    that at once."""
    report = forebay.get("/api/senders").json()
    began = report["since"]
    silent = {
        "source": "worker-7",
        "session": "",
        "first_time": began,
        "last_time": began,
        "count": 5,
        "rate_10s": 0.0,
        "rate_60s": 0.1,
        "silent": True,
    }
    told = [{**silent, "silent": False}]
    answering = True

    async def answer(route: Route) -> None:
        if answering:
            await route.fulfill(json={**report, "kept": 1, "senders": told})

    await page.route("**/api/senders*", answer)
    await page.goto(f"{forebay.url}/#/sessions")
    sentence = page.locator(".sessions-sentence")
    await expect(sentence).to_have_text("One sender sends, and none has fallen silent.")
    told[0] = silent
    await expect(sentence).to_contain_text(re.compile(r"1 sender has fallen silent: worker-7 for .+\."))
    await expect(page.locator("#announcement")).to_have_text("Fallen silent: worker-7.")
    await expect(page.locator("tbody tr .badge")).to_have_text("silent")
    answering = False
    await asyncio.to_thread(send, forebay, "worker-7")
    await expect(page.locator("tbody tr .badge")).to_have_text("sending")


async def test_the_past_is_told_by_the_store_and_its_absence_by_a_sentence(
    page: Page, forebay: Forebay, problems: Problems
) -> None:
    """A session from before a restart is past, with what is stored of it; a store that does not answer is
    said, keeps nothing from view, and is asked again."""
    problems.expect("503")
    await asyncio.to_thread(send, forebay, "old", "run-0", 4)
    await asyncio.to_thread(forebay.drained)
    await asyncio.to_thread(forebay.terminate)
    await asyncio.to_thread(forebay.start)
    await asyncio.to_thread(send, forebay, "new")
    away = True

    async def refuse(route: Route) -> None:
        if away:
            await route.fulfill(status=503, json={"detail": "the store is away"})
        else:
            await route.continue_()

    await page.route("**/api/sessions", refuse)
    await page.goto(f"{forebay.url}/#/sessions")
    rows = page.locator("tbody tr")
    await expect(page.get_by_text("Who sent before: the store is away")).to_be_visible()
    await expect(rows).to_have_count(1)
    away = False
    await page.get_by_role("button", name="Try again").click()
    await expect(rows).to_have_count(2)
    await expect(rows.nth(1)).to_contain_text("old")
    await expect(rows.nth(1).locator(".badge")).to_have_text("past")
    await expect(rows.nth(1).locator(".stored")).to_have_text("4")
    await page.get_by_role("button", name=re.compile("Sending")).click()
    await expect(rows).to_have_count(1)


async def test_ten_thousand_senders_fit_on_a_telephone(new_context: NewContext, forebay: Forebay) -> None:
    """However many send, two hundred rows are there at first and more when asked for, and a narrow page does
    not scroll sideways."""
    page = await (await new_context(viewport={"width": 380, "height": 800})).new_page()
    for first in range(0, 10_000, 2_000):
        forebay.post(
            [{"name": "load", "value": 1.0, "source": f"node-{first + n}" * 4} for n in range(2_000)]
        ).raise_for_status()
    await page.goto(f"{forebay.url}/#/sessions")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(200)
    await page.get_by_role("button", name="Show 200 more of 10,000").click()
    await expect(rows).to_have_count(400)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
