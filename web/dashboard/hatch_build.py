"""Hatch asks this before it builds: a distribution without the page would be made in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageNotBuiltError(Exception):
    """The page that the distribution must hold has not been built."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is not there: `just build` makes the page first, then the distributions")


class PageHook(BuildHookInterface[Any]):
    """Refuses to build anything but an editable install where the page is missing."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Raises PageNotBuiltError."""
        page = Path(self.root, "web", "dashboard", "dist", "index.html")
        if version != "editable" and not page.is_file():
            raise PageNotBuiltError(page)
