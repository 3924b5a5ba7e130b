"""Time: any past state of the journal on a slider, what differs from now, and playing it."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.async_api import Locator, Page, Request, expect

from tests.browser.axe import grave_findings
from tests.browser.problems import Problems
from tests.process.forebay import Forebay, eventually, numbers


@pytest.fixture(autouse=True)
def other_transport(problems: Problems) -> None:
    """On a slow machine the page may ask whether live data can come by Realtime; here it cannot."""
    problems.expect("/api/realtime")


def state(forebay: Forebay, offset: int) -> dict[str, Any]:
    """What the server says of the state there."""
    return forebay.get(f"/api/state?offset={offset}").raise_for_status().json()["state"]


def put(forebay: Forebay, path: str, body: dict[str, Any], method: str = "PUT") -> None:
    """Change something of `forebay`."""
    httpx.request(method, forebay.url + path, json=body, timeout=30, trust_env=False).raise_for_status()


def history(forebay: Forebay) -> int:
    """Give `forebay` a past: a hundred metrics, a flag changed, a breaker moved twice, two hundred more. The
    next offset, once all is stored and noted."""
    forebay.post(numbers(0, 100)).raise_for_status()
    put(forebay, "/api/flags/dashboard.transport", {"value": "dual", "rollout": 20})
    put(forebay, "/api/stores/sqlite/breaker", {"position": "open"}, "POST")
    put(forebay, "/api/stores/sqlite/breaker", {"position": "closed"}, "POST")
    forebay.post(numbers(100, 200)).raise_for_status()
    forebay.drained()
    end = forebay.get("/api/state").json()
    return eventually(lambda: settled(forebay, end["next_offset"]), "the cursor is noted")


def settled(forebay: Forebay, offset: int) -> int:
    """The next offset, once the journal has that 300 metrics are stored."""
    report = forebay.get("/api/state").json()
    persisted = report["state"]["cursors"].get("sqlite", {}).get("persisted", 0)
    return report["next_offset"] if persisted == 300 and report["next_offset"] >= offset else 0


def figure(page: Page, label: str) -> Locator:
    """The tile of that name."""
    return page.locator(".figures > div").filter(has=page.get_by_text(label, exact=True))


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Offset in the journal")


async def test_any_offset_can_be_looked_at(page: Page, forebay: Forebay) -> None:
    """The state as of an offset is the server's, beside what is different now; keys move the slider, and the
    address says where it is and brings it back. It fits a narrow page, and axe finds nothing grave."""
    end = history(forebay)
    first = next(offset for offset in range(end) if state(forebay, offset)["accepted"] == 100)
    await page.goto(f"{forebay.url}/#/time?offset={first}")
    await expect(figure(page, "Accepted")).to_contain_text("100now 300 (+200)")
    await expect(page.get_by_role("row").filter(has_text="dashboard.transport")).to_contain_text("now dual")
    await expect(slider(page)).to_have_attribute("aria-valuetext", re.compile(f"^offset {first} of "))
    assert not await grave_findings(page)
    await page.set_viewport_size({"width": 380, "height": 800})
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    await slider(page).focus()
    await page.keyboard.press("ArrowLeft")
    await expect(figure(page, "Accepted")).to_contain_text("99now 300 (+201)")
    await expect(page).to_have_url(re.compile(f"offset={first - 1}$"))
    await page.keyboard.press("Home")
    await expect(figure(page, "Accepted")).to_contain_text("0now 300 (+300)")
    await page.keyboard.press("End")
    await expect(page).to_have_url(re.compile("#/time$"))
    await expect(figure(page, "Accepted")).to_have_text("Accepted300since the journal began")
    await expect(page.get_by_text("live", exact=True)).to_be_visible()

    await page.get_by_label("Offset", exact=True).fill(f" {first} ")
    await page.keyboard.press("Enter")
    await expect(figure(page, "Accepted")).to_contain_text("100now 300")
    await page.go_back()
    await expect(page.get_by_text("live", exact=True)).to_be_visible()


async def test_moments_lead_back_to_what_happened(page: Page, forebay: Forebay, problems: Problems) -> None:
    """A button leads to just after the last move of a breaker, and from there to the one before; an offset
    that is not there is refused in the server's words, and what was shown stays."""
    history(forebay)
    await page.goto(f"{forebay.url}/#/time")
    moved = page.get_by_role("button", name="Breaker moved")
    stores = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="sqlite"))
    await expect(moved).to_contain_text("sqlite closed")
    seen: list[str] = []
    for position in ("closed", "half-open"):
        before = page.url
        await moved.click()
        await expect(page).not_to_have_url(before)
        await expect(stores).to_contain_text(position)
        seen.append(page.url)
    assert seen[0] != seen[1]
    await page.get_by_role("button", name="Flag changed").click()
    await expect(page.get_by_role("row").filter(has_text="dashboard.transport")).to_contain_text("dual")

    problems.expect("404")
    await page.goto(f"{forebay.url}/#/time")
    await page.get_by_label("Offset", exact=True).fill("99,999,999")
    await page.keyboard.press("Enter")
    await expect(page.locator(".alert")).to_contain_text("that is not in what is kept of the journal")
    await expect(figure(page, "Accepted")).to_contain_text("300")


async def test_dragging_asks_for_one_state_at_a_time(page: Page, forebay: Forebay) -> None:
    """However fast the slider is dragged, one state is asked for at a time, and the last wish is answered."""
    end = history(forebay)
    under: set[Request] = set()
    most = 0

    def asked(request: Request) -> None:
        nonlocal most
        if "api/state?offset" in request.url:
            under.add(request)
            most = max(most, len(under))

    page.on("request", asked)
    page.on("requestfinished", lambda request: under.discard(request))
    page.on("requestfailed", lambda request: under.discard(request))
    await page.goto(f"{forebay.url}/#/time")
    await expect(figure(page, "Accepted")).to_contain_text("300")
    box = await slider(page).bounding_box()
    assert box is not None
    height = box["y"] + box["height"] / 2
    await page.mouse.move(box["x"] + box["width"] - 9, height)
    await page.mouse.down()
    for part in range(100, -1, -2):
        await page.mouse.move(box["x"] + 8 + (box["width"] - 16) * part / 100, height)
    await page.mouse.up()
    await expect(page).to_have_url(re.compile("offset=0$"))
    await expect(figure(page, "Accepted")).to_contain_text("0now 300")
    # One that was given up for a later wish is told of as over only after that one has begun.
    assert most <= 2, f"{most} at once, of {end} offsets"


async def test_the_past_is_played_until_now(page: Page, forebay: Forebay) -> None:
    """Playing goes forward, pauses where it is, which the address tells, and ends at now: live."""
    history(forebay)
    await page.goto(f"{forebay.url}/#/time?offset=0")
    await expect(figure(page, "Accepted")).to_contain_text("0now 300")
    await page.get_by_role("button", name="1×", exact=True).click()
    await slider(page).focus()
    await page.keyboard.press("Space")
    await expect(slider(page)).not_to_have_value("0")
    await page.keyboard.press("Space")
    await expect(page.get_by_text("the past", exact=True)).to_be_visible()
    await expect(page).not_to_have_url(re.compile("offset=0$"))
    await page.get_by_role("button", name="1000×", exact=True).click()
    await page.get_by_role("button", name="Play").click()
    await expect(page).to_have_url(re.compile("#/time$"))
    await expect(page.get_by_text("live", exact=True)).to_be_visible()
    await expect(page.locator(".time-remark")).to_have_text("You are at now: live.")
