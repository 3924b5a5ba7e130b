"""What axe-core, the usual judge of accessibility, finds on a page as it is shown."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page

from tests.process.forebay import ROOT

SOURCE = ROOT / "web" / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")
_RUN = """async ([tags, grave]) => {
  const { violations } = await axe.run(document, { runOnly: tags });
  return violations
    .filter(({ impact }) => grave.includes(impact))
    .flatMap(({ id, nodes }) => nodes.map((it) => `${id}: ${it.target} ${it.failureSummary}`));
}"""
_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


async def grave_findings(page: Page) -> list[str]:
    """Elements that break WCAG 2.2 AA or good practice gravely, each as: rule, element, what to mend."""
    # Evaluated by the debugger, which no Content-Security-Policy is asked about.
    await page.evaluate(Path.read_text(SOURCE))
    found: list[str] = await page.evaluate(_RUN, [list(_TAGS), list(GRAVE)])
    return found
