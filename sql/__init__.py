"""The tables, one folder a database; inside, migrations named `<UTC timestamp>_<verb>_<object>.sql`.

A migration that has been applied anywhere is never edited: a change is a new file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from importlib.resources import files
from typing import NamedTuple

_NAME = re.compile(r"(?P<version>\d{14})_(?P<title>[a-z]+(?:_[a-z0-9]+)+)\.sql")


class Migration(NamedTuple):
    """One step of a database's schema; `version` is the UTC timestamp of its file name."""

    version: str
    title: str
    sql: str

    @property
    def digest(self) -> str:
        """The SHA-256 of the text, in hexadecimal: how an edit after the fact is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


class MigrationNameError(ValueError):
    """A file among the migrations is not named as one, or two have the same timestamp."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"{name}: name it <UTC timestamp, 14 digits>_<verb>_<object>.sql, each timestamp once"
        )


def ordered(texts: Iterable[tuple[str, str]]) -> list[Migration]:
    """The migrations of `(file name, text)` pairs, oldest first.

    Raises MigrationNameError for a name that is not a migration's and for a timestamp that comes twice.
    """
    found: dict[str, Migration] = {}
    for name, sql in texts:
        match = _NAME.fullmatch(name)
        if match is None or match["version"] in found:
            raise MigrationNameError(name)
        found[match["version"]] = Migration(match["version"], match["title"], sql)
    return [found[version] for version in sorted(found)]


def migrations(folder: str) -> list[Migration]:
    """The migrations of the database whose files are in `folder`, as in "sqlite", oldest first."""
    place = files("sql").joinpath(*folder.split("/"))
    return ordered(
        (file.name, file.read_text(encoding="utf-8"))
        for file in place.iterdir()
        if file.name.endswith(".sql")
    )
