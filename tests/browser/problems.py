"""What a page has to complain of while a test looks at it."""

from __future__ import annotations

import re

from playwright.async_api import BrowserContext, ConsoleMessage, WebError

TELL_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', (event) => {
  console.error(`Content-Security-Policy: ${event.violatedDirective} refused ${event.blockedURI}`);
});
"""


class Problems:
    """Errors in the console, exceptions that nobody caught, and violations of the Content-Security-Policy, of
    every page in the contexts that are watched."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def expect(self, pattern: str) -> None:
        """From now on and before, what matches `pattern` is no problem: this test provokes it."""
        self._expected.append(re.compile(pattern))

    def unexpected(self) -> list[str]:
        """Whatever was found and no pattern matches."""
        return [each for each in self.found if not any(one.search(each) for one in self._expected)]

    async def watch(self, context: BrowserContext) -> None:
        """Look at every page of `context`, those that come later included."""
        await context.add_init_script(TELL_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", self._error)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location
            self.found.append(f"{message.text} ({where.get('url', '')}:{where.get('lineNumber', '')})")

    def _error(self, error: WebError) -> None:
        self.found.append(f"uncaught {error.error}")
