"""Where dead letters are looked up: a running process, or the queue's own journal where none runs."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import msgspec

from actors.cli.dlq_offline import Offline
from actors.cli.remote import NobodyAnswersError, NotPossibleError, Remote
from actors.cli.settings_flags import settings_from
from web.letters import Letter, LetterFilter, LetterPage

PATH: Final = "/api/dead-letters"
_PAGE: Final = 1000


class Source(Protocol):
    """Dead letters, to look at."""

    def pages(self, which: LetterFilter, limit: int | None) -> Iterator[LetterPage]:
        """What matches, oldest first, at most `limit` in all, without metrics; at least one page."""
        ...

    def whole(self, which: LetterFilter, limit: int | None) -> Iterator[Letter]:
        """The same letters, with their metrics."""
        ...

    def one(self, id_: int) -> Letter:
        """The letter `id_`, with its metric. Raises CommandError where there is none."""
        ...


class Online:
    """The queue of a running process."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def pages(self, which: LetterFilter, limit: int | None) -> Iterator[LetterPage]:
        """See Source."""
        query: dict[str, str | int] = msgspec.to_builtins(which)
        while True:
            query["limit"] = _PAGE if limit is None else min(limit, _PAGE)
            page = self._remote.get(PATH, LetterPage, query)
            yield page
            if limit is not None:
                limit -= len(page.letters)
            if page.cursor is None or limit == 0:
                return
            query["cursor"] = page.cursor

    def whole(self, which: LetterFilter, limit: int | None) -> Iterator[Letter]:
        """See Source. What leaves the queue meanwhile is passed over."""
        for page in self.pages(which, limit):
            for letter in page.letters:
                try:
                    yield self.one(letter.id)
                except NotPossibleError as error:
                    if error.status != 404:
                        raise

    def one(self, id_: int) -> Letter:
        """See Source."""
        return self._remote.get(f"{PATH}/{id_}", Letter)


@contextmanager
def source(args: Namespace) -> Generator[Source]:
    """The queue of the process that the command is for or, where none answers, what it left on the disk.

    Raises NobodyAnswersError where there is neither, or where --url says which process is meant.
    """
    settings = settings_from(args).settings
    directory = os.path.join(settings.data, "dead-letters")
    with Remote(settings, args.url) as remote:
        try:
            remote.status()
        except NobodyAnswersError:
            if args.url or not os.path.isdir(directory):
                raise
        else:
            yield Online(remote)
            return
    sys.stderr.write(f"no process answers at {remote.url}: this is {directory} as it was left\n")
    yield Offline(directory)
