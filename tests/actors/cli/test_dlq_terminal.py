from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actors.cli.on_terminal import on_terminal
from tests.actors.cli.served import Served, served
from tests.actors.cli.test_dlq import fill

pytestmark = pytest.mark.slow


@pytest.fixture
def process() -> Iterator[Served]:
    with served() as process:
        yield process


@pytest.mark.parametrize(("answer", "left", "code"), [("y\n", 0, 0), ("\n", 3, 1), ("no\n", 3, 1)])
def test_discarding_asks_on_a_terminal(
    answer: str, left: int, code: int, process: Served, tmp_path: Path
) -> None:
    """With the number of letters; only a yes discards them."""
    fill(process)
    with on_terminal("dlq", "discard", "--all", "--url", process.url, cwd=tmp_path) as terminal:
        terminal.until("Discard 3 dead letters for good? [y/N] ")
        terminal.type(answer)
        assert terminal.leaves() == code
    assert len(process.queue.letters) == left


def test_what_comes_while_it_asks_is_not_discarded(process: Served, tmp_path: Path) -> None:
    """Discarded is what the question was about."""
    fill(process)
    with on_terminal("dlq", "discard", "--cause", "check", "--url", process.url, cwd=tmp_path) as terminal:
        terminal.until("Discard 2 dead letters for good? [y/N] ")
        later = fill(process)
        terminal.type("yes\n")
        assert terminal.leaves() == 0
        assert "2 dead letters discarded" in terminal.shown
    assert set(later) <= set(process.queue.letters)
    assert len(process.queue.letters) == 4


def test_a_redrive_shows_how_far_it_is(process: Served, tmp_path: Path) -> None:
    """A bar on a terminal until nothing is on its way any more, and then the result in its place."""
    process.queue.moods["sqlite"] = "away"
    fill(process, 8)
    with on_terminal("dlq", "redrive", "--all", "--url", process.url, cwd=tmp_path) as terminal:
        terminal.until("  0% .............................. 0 of 8 redriven or refused")
        process.queue.moods["sqlite"] = "takes"
        assert terminal.leaves() == 0
        assert terminal.shown.endswith("\r\033[K8 of 8 redriven\r\n")
    assert process.queue.letters == {}
