"""Where an interrupted replay goes on: a small file of the user's, outside the data directory."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence

import msgspec

from journal.metric import Offset


class Bookmark(msgspec.Struct, frozen=True):
    """Every row before `done` is stored or was refused; `last` is the offset of the latest that is stored.
    The store kept `cursor`; the replay has the right to move it if `whole`."""

    asked: tuple[str, ...]
    done: Offset
    last: Offset | None
    cursor: Offset | None
    whole: bool
    sent: int
    refused: int
    left_out: int


class BookmarkFile:
    """The bookmark of the replay that was `asked` for, in the folder `state`; another journal, store, range
    or filter is another replay."""

    def __init__(self, asked: Sequence[str], state: str) -> None:
        self.asked = tuple(asked)
        digest = hashlib.sha256(msgspec.json.encode(self.asked)).hexdigest()[:16]
        self.path = os.path.join(state, f"replay-{digest}.json")

    def read(self) -> Bookmark | None:
        """What was written last; None where nothing can be made of it."""
        try:
            with open(self.path, "rb") as file:
                found = msgspec.json.decode(file.read(), type=Bookmark)
        except (OSError, msgspec.MsgspecError):
            return None
        return found if found.asked == self.asked else None

    def write(self, bookmark: Bookmark) -> None:
        """Keep `bookmark` instead of what was there; all of it or nothing. Raises OSError."""
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        beside = f"{self.path}.{os.getpid()}"
        with open(beside, "wb") as file:
            file.write(msgspec.json.encode(bookmark))
        os.replace(beside, self.path)

    def drop(self) -> None:
        """The replay is over."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def state_folder(environment: Mapping[str, str]) -> str:
    """Where a user's programs keep what outlives them (XDG Base Directory Specification, 0.8)."""
    given = environment.get("XDG_STATE_HOME", "")
    base = given if os.path.isabs(given) else os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "forebay")
