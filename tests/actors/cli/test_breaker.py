"""`forebay breaker`, against the real edge."""

from __future__ import annotations

import json

import pytest

from actors.cli.shell import main
from tests.actors.cli.served import served


def test_a_person_holds_a_store_off_and_lets_it_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    """It says what is so now and what to do next; with --json, the process's answer."""
    with served() as process:
        assert main(["breaker", "open", "sqlite", "--url", process.url]) == 0
        assert capsys.readouterr().out == (
            "sqlite is written to no more: `forebay breaker close sqlite` lets it go on\n"
        )
        assert main(["breaker", "close", "sqlite", "--json", "--url", process.url]) == 0
        assert json.loads(capsys.readouterr().out) == {
            "store": "sqlite", "breaker": "closed", "by": "", "since": 7, "noted": True,
        }  # fmt: skip


@pytest.mark.parametrize("store", ["postgres host/db"])
def test_any_name_of_a_store_will_do(capsys: pytest.CaptureFixture[str], store: str) -> None:
    """Spaces and slashes too."""
    with served() as process:
        assert main(["breaker", "open", store, "--url", process.url]) == 0
    assert store in capsys.readouterr().out


def test_what_cannot_be_moved_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A store that is not there, one without a breaker, and no process at all: 1 and one line."""
    with served() as process:
        assert main(["breaker", "open", "nope", "--url", process.url]) == 1
        assert "there is no store 'nope'; there are: sqlite" in capsys.readouterr().err
        assert main(["breaker", "close", "off", "--url", process.url]) == 1
        assert "switched off" in capsys.readouterr().err
        url = process.url
    assert main(["breaker", "open", "sqlite", "--url", url]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert url in line


def test_help_teaches_by_example(capsys: pytest.CaptureFixture[str]) -> None:
    """And fits 80 columns."""
    assert main(["breaker", "--help"]) == 0
    out = capsys.readouterr().out
    assert "forebay breaker open sqlite" in out
    assert max(map(len, out.splitlines())) <= 80
