"""Dead letters on the page: looked at, selected, redriven, edited and discarded, before a real Forebay."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Page, expect

from tests.browser.axe import grave_findings
from tests.browser.problems import Problems
from tests.browser.scenes import bury
from tests.process.forebay import LIMIT, Forebay, eventually
from tests.process.poison_scene import InSqlite

BIG = 9_007_199_254_740_993
"""An integer that JavaScript cannot hold."""
ANOTHER_RULE = """
create trigger name_allowed before insert on metrics when new.name = 'queue.depth.2'
  begin select raise(abort, 'no more of it'); end;
"""
REFUSED = r"409 \(Conflict\)"
"""What Chromium says in the console of a refusal that the page shows."""


def letters(forebay: Forebay, **which: str) -> dict[str, Any]:
    return httpx.get(f"{forebay.url}/api/dead-letters", params=which).raise_for_status().json()


def stored(forebay: Forebay, sql: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(forebay.data / "forebay.db", timeout=LIMIT)) as database:
        return database.execute(sql).fetchall()


def change_rules(forebay: Forebay) -> None:
    """Let everything be stored but for one name."""
    with contextlib.closing(sqlite3.connect(forebay.data / "forebay.db", timeout=LIMIT)) as database:
        database.executescript(f"{InSqlite.no_rules}; {ANOTHER_RULE}")


async def test_a_filter_is_an_address_and_a_selection_does_not_outlive_it(
    page: Page, forebay: Forebay
) -> None:
    """What is filtered can be shared as an address, a row that does not match is selected no longer, which is
    said, and nothing grave stands in the way of a reader of screens, in list and letter. The sentence of
    health leads here."""
    await asyncio.to_thread(bury, forebay)
    await page.goto(f"{forebay.url}/#/overview")
    await page.get_by_role("link", name="Open Dead letters").click()
    rows = page.locator("#view tbody tr")
    await expect(rows).to_have_count(12)
    await expect(page.get_by_text("expires in 90 days")).to_be_visible()
    await expect(page.get_by_role("link", name="Open Dead letters")).to_be_hidden()
    for name in ("queue.depth.0", "queue.depth.1"):
        await rows.filter(has_text=name).first.get_by_role("checkbox").check()
    await expect(page.get_by_text("2 selected", exact=True)).to_be_visible()
    await page.get_by_label("Metric, whole name").fill("queue.depth.1")
    await page.keyboard.press("Enter")
    await expect(rows).to_have_count(4)
    await expect(page).to_have_url(re.compile(r"#/dead-letters\?name=queue\.depth\.1$"))
    await expect(page.locator("#view")).to_contain_text("does not match this filter: no longer selected.")
    await expect(page.get_by_text("1 selected", exact=True)).to_be_visible()
    assert await grave_findings(page) == []

    await rows.first.get_by_role("link").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text('"host": "gpu-1"')
    assert await grave_findings(page) == []
    shared = page.url
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(rows.first.get_by_role("link")).to_be_focused()
    await page.goto("about:blank")
    await page.goto(shared)
    await expect(dialog).to_contain_text('"host": "gpu-1"')
    await expect(rows).to_have_count(4)


async def test_all_that_match_are_redriven_after_they_were_counted(page: Page, forebay: Forebay) -> None:
    """The question says how many go where and how fast; nothing goes before it is answered; then what is
    mended is stored, the rest stays, and both are told in numbers."""
    await asyncio.to_thread(bury, forebay)
    await page.goto(f"{forebay.url}/#/dead-letters")
    await page.get_by_role("button", name="Redrive all").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("This sends 12 dead letters to sqlite again, 500 a second.")
    await page.get_by_role("button", name="Cancel").click()
    assert {letter["attempts"] for letter in letters(forebay)["letters"]} == {1}
    change_rules(forebay)
    await page.get_by_role("button", name="Redrive all").click()
    await dialog.get_by_label("At most").fill("100")
    await expect(dialog).to_contain_text("100 a second.")
    await dialog.get_by_role("button", name="Redrive").click()
    await expect(page.locator("#view")).to_contain_text("8 dead letters redriven; 4 refused again")
    await expect(page.locator("tbody tr")).to_have_count(4)
    await expect(page.locator("#announcement")).to_contain_text("8 dead letters redriven")
    assert all(letter["error"].endswith("no more of it") for letter in letters(forebay)["letters"])


async def test_a_question_does_not_outlive_its_filter(page: Page, forebay: Forebay) -> None:
    """Who goes back with a question open has no longer the question before a list that it is not about."""
    await asyncio.to_thread(bury, forebay)
    await page.goto(f"{forebay.url}/#/dead-letters")
    await page.goto(f"{forebay.url}/#/dead-letters?name=queue.depth.1")
    await page.get_by_role("button", name="Discard all 4 that match…").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("4 dead letters")
    await page.go_back()
    await expect(page.locator("#view tbody tr")).to_have_count(12)
    await expect(dialog).to_have_count(0)
    await expect(page).to_have_url(f"{forebay.url}/#/dead-letters")


async def test_a_letter_is_edited_until_its_store_takes_it(
    page: Page, forebay: Forebay, problems: Problems
) -> None:
    """A redrive that is refused says so and keeps the letter; an edit that breaks the rules of a metric is
    told at its field and not sent; a good one is stored, with every digit and at the time of the first."""
    problems.expect(REFUSED)
    await asyncio.to_thread(bury, forebay, 1)
    forebay.post(
        [{"name": "big", "value": -1.0, "source": "broken", "attributes": {"big": BIG}}]
    ).raise_for_status()
    await asyncio.to_thread(
        eventually, lambda: letters(forebay, name="big")["matched"] == 1, "another dead letter"
    )
    await page.goto(f"{forebay.url}/#/dead-letters")
    await page.get_by_role("link", name="big").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text(f'"big": {BIG}')
    await dialog.get_by_role("button", name="Redrive", exact=True).click()
    refused = re.compile("Refused again, and kept: .*value_not_negative")
    await expect(dialog.get_by_role("alert")).to_contain_text(refused)

    await dialog.get_by_role("button", name="Edit…").click()
    await dialog.get_by_role("button", name="Back", exact=True).press("Enter")
    await expect(dialog.get_by_role("heading", name="big")).to_be_focused()
    await dialog.get_by_role("button", name="Edit…").click()
    await dialog.get_by_role("button", name="Redrive as edited").press("Enter")
    await expect(dialog.locator("form")).to_contain_text("value_not_negative")
    await expect(dialog.get_by_role("button", name="Redrive as edited")).to_be_focused()
    await dialog.get_by_label("Value").fill("12,5")
    await dialog.get_by_role("button", name="Redrive as edited").click()
    await expect(dialog.get_by_label("Value")).to_be_focused()
    await expect(dialog.get_by_label("Value")).to_have_attribute("aria-invalid", "true")
    await expect(dialog).to_contain_text("A number is needed")
    assert letters(forebay, name="big")["letters"][0]["attempts"] == 3
    await dialog.get_by_label("Value").fill("1e-9")
    await dialog.get_by_label("Unit").fill("s")
    await dialog.get_by_role("button", name="Redrive as edited").click()
    await expect(dialog).to_have_count(0)
    await expect(page.locator("#view")).to_contain_text("is redriven as edited: sqlite has it.")
    await expect(page.get_by_role("link", name="big")).to_have_count(0)
    [(value, unit, attributes, time, accepted_at)] = stored(
        forebay, "select value, unit, attributes, time, accepted_at from metrics where name = 'big'"
    )
    assert (value, unit, json.loads(attributes)) == (1e-9, "s", {"big": BIG})
    assert time == accepted_at


async def test_a_selection_is_downloaded_and_discarded_and_nothing_else(
    page: Page, forebay: Forebay, tmp_path: Path
) -> None:
    """What is discarded is asked for first, can be kept as a file with its metrics, and is just what was
    selected; the empty queue says what dead letters are."""
    await asyncio.to_thread(bury, forebay, 3)
    await page.goto(f"{forebay.url}/#/dead-letters")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(3)
    await rows.nth(1).get_by_role("checkbox").check()
    await rows.nth(2).get_by_role("checkbox").check()
    kept = letters(forebay)["letters"][0]["id"]
    await page.get_by_role("button", name="Discard 2…").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("These, 2 dead letters, will be gone.")
    async with page.expect_download() as downloading:
        await dialog.get_by_role("button", name="Download").click()
    path = tmp_path / "kept.ndjson"
    await (await downloading.value).save_as(path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["metric"]["attributes"]["host"] for line in lines] == ["gpu-1", "gpu-2"]
    await dialog.get_by_role("button", name="Discard 2 dead letters").click()
    await expect(page.locator("#view")).to_contain_text("2 dead letters discarded.")
    await expect(rows).to_have_count(1)
    assert [letter["id"] for letter in letters(forebay)["letters"]] == [kept]
    await page.get_by_role("link", name="queue.depth.0").click()
    await dialog.get_by_role("button", name="Discard…").click()
    await page.get_by_role("button", name="Discard 1 dead letter").click()
    await expect(page.get_by_role("heading", name="No dead letters")).to_be_visible()
    assert letters(forebay)["pending"] == 0
