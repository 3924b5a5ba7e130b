"""A store in trouble: ingest goes on, the status says what is wrong, and in the end nothing is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.process.conftest import Launch
from tests.process.forebay import Forebay, eventually, numbers, writing_lock

SMALL = {"FOREBAY_SEGMENT_BYTES": "1MiB"}


def in_trouble(forebay: Forebay, said: str, name: str = "sqlite") -> dict[str, Any]:
    """The store's status once it says that it waits, or is blocked, and why."""

    def troubled() -> dict[str, Any] | None:
        store = forebay.store(name)
        # While the store has not answered at all, the status says that first.
        told = said in (store["last_error"] or "")
        return store if told and store["state"] in ("waiting", "blocked") else None

    return eventually(troubled, f"{name} is in trouble: {said}")


def caught_up(forebay: Forebay, count: int, path: Path | None = None) -> None:
    """Every number below `count` is stored once, in order."""
    forebay.drained(60)
    assert forebay.values(path) == [float(value) for value in range(count)]
    assert all(store["last_error"] is None for store in forebay.status()["stores"])


def test_locked_by_another_process(forebay: Forebay) -> None:
    """For longer than SQLite itself waits: metrics are taken, the lag is shown, and it catches up."""
    forebay.post(numbers(0, 100)).raise_for_status()
    forebay.drained()
    with writing_lock(forebay.data / "forebay.db"):
        for begin in range(100, 3100, 100):
            forebay.post(numbers(begin, 100)).raise_for_status()
        assert forebay.store()["lag"] == 3000
        assert in_trouble(forebay, "locked")["lag"] == 3000
        assert forebay.readiness() == 200
    caught_up(forebay, 3100)


def test_deleted_while_stopped(forebay: Forebay) -> None:
    """The database file gone at the next start: it is made anew and filled from the journal."""
    forebay.post(numbers(0, 3000)).raise_for_status()
    assert forebay.terminate() == 0
    (forebay.data / "forebay.db").unlink()
    forebay.start()
    forebay.post(numbers(3000, 10)).raise_for_status()
    caught_up(forebay, 3010)


def test_deleted_while_running(forebay: Forebay) -> None:
    """The database file deleted under the running process: nothing passes for stored that is not there."""
    forebay.post(numbers(0, 1000)).raise_for_status()
    forebay.drained()
    for file in forebay.data.glob("forebay.db*"):
        file.unlink()
    forebay.post(numbers(1000, 10)).raise_for_status()
    eventually(
        lambda: (status := forebay.status())["pending"] == 0 or status["stores"][0]["last_error"],
        "it is noticed",
    )
    forebay.terminate()
    forebay.start()
    caught_up(forebay, 1010)


def test_a_corrupt_database(forebay: Forebay) -> None:
    """A file that is no database: the status says what to do, metrics are taken; done, all is there."""
    forebay.post(numbers(0, 1000)).raise_for_status()
    assert forebay.terminate() == 0
    database = forebay.data / "forebay.db"
    database.write_bytes(b"this is no database " * 1000)
    forebay.start()
    forebay.post(numbers(1000, 500)).raise_for_status()
    store = in_trouble(forebay, "move the file away")
    assert store["lag"] >= 500
    assert forebay.terminate() == 0
    database.unlink()
    forebay.start()
    caught_up(forebay, 1500)


def test_a_directory_in_the_way(launch: Launch) -> None:
    """A path that cannot be opened, and later can: it is taken up without a restart."""
    forebay = launch(env=SMALL)
    place = forebay.home / "elsewhere"
    forebay.env["FOREBAY_STORE"] = f"sqlite:///{place / 'metrics.db'}"
    forebay.start()
    forebay.post(numbers(0, 1000)).raise_for_status()
    name = f"sqlite:{place / 'metrics.db'}"
    in_trouble(forebay, "directory", name)
    place.mkdir()
    caught_up(forebay, 1000, place / "metrics.db")


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """Nobody may write in `place` during the block: by its mode, or for root by a read-only mount."""
    if os.geteuid() != 0:
        place.chmod(0o555)
        try:
            yield
        finally:
            place.chmod(0o755)
        return
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "forebay-test", place], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("root may write everywhere, and file systems cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_read_only_directory(launch: Launch) -> None:
    """No right to write: the status says so, metrics are taken; with the right, it catches up by itself."""
    forebay = launch(env=SMALL)
    place = forebay.home / "store"
    place.mkdir()
    forebay.env["FOREBAY_STORE"] = f"sqlite:///{place / 'metrics.db'}"
    with read_only(place):
        forebay.start()
        forebay.post(numbers(0, 1000)).raise_for_status()
        in_trouble(forebay, "may this user write there", f"sqlite:{place / 'metrics.db'}")
    caught_up(forebay, 1000, place / "metrics.db")


def test_one_failing_store_does_not_delay_the_other(launch: Launch) -> None:
    """Two stores, one of them locked: the other follows within moments, and both have everything in the
    end."""
    forebay = launch(env=SMALL)
    other = forebay.home / "other.db"
    forebay.env["FOREBAY_STORE"] = f"sqlite:///{forebay.data / 'forebay.db'} sqlite:///{other}"
    forebay.start()
    forebay.post(numbers(0, 10)).raise_for_status()
    forebay.drained()
    with writing_lock(forebay.data / "forebay.db"):
        for begin in range(10, 2010, 100):
            forebay.post(numbers(begin, 100)).raise_for_status()
        eventually(lambda: forebay.store(f"sqlite:{other}")["lag"] == 0, "the other store follows")
        assert forebay.store()["lag"] == 2000
        assert len(forebay.values(other)) == 2010
    caught_up(forebay, 2010)
    assert forebay.values(other) == forebay.values()


def test_a_second_store_catches_up_from_the_start(launch: Launch) -> None:
    """Added to a journal that has run for a while, it is filled from the beginning; the first stays as it
    was, and is not asked to store anything twice."""
    forebay = launch(env=SMALL).start()
    for begin in range(0, 30_000, 1000):
        forebay.post(numbers(begin, 1000)).raise_for_status()
    assert forebay.terminate() == 0
    other = forebay.home / "other.db"
    forebay.env["FOREBAY_STORE"] = f"sqlite:///{forebay.data / 'forebay.db'} sqlite:///{other}"
    forebay.start()
    caught_up(forebay, 30_000)
    assert forebay.values(other) == [float(value) for value in range(30_000)]


def go_back(forebay: Forebay) -> None:
    """Put a copy of the journal back that ends 1,000 stored metrics earlier; the process is stopped."""
    copy = forebay.home / "copy"
    forebay.post(numbers(0, 10)).raise_for_status()
    assert forebay.terminate() == 0
    shutil.copytree(forebay.data / "journal", copy)
    forebay.start()
    forebay.post(numbers(10, 1000), key="k").raise_for_status()
    forebay.drained()
    assert forebay.terminate() == 0
    shutil.rmtree(forebay.data / "journal")
    copy.rename(forebay.data / "journal")


def test_an_older_copy_of_the_journal_put_back(forebay: Forebay) -> None:
    """The store is ahead of the journal: nothing is accepted under numbers that the store has already, as
    often as it is tried; what is missing can be put back, or given up by the command that is named."""
    go_back(forebay)
    before = {each.name: each.read_bytes() for each in (forebay.data / "journal").glob("*.segment")}
    for _ in range(2):
        forebay.spawn()
        assert forebay.wait() == 3
    after = {each.name: each.read_bytes() for each in (forebay.data / "journal").glob("*.segment")}
    assert after == before
    *_, said = forebay.log().strip().splitlines()
    cursor = forebay.rows('SELECT "offset" FROM cursors')[0][0]
    assert f"store sqlite holds everything before {cursor}" in said
    command = said.split("`")[1]
    assert command == f"forebay journal repair {forebay.data} --next-offset {cursor} --apply"
    assert forebay.command(*command.split()[1:]).returncode == 0
    forebay.start()
    # The store has it, under the offsets that it was answered then.
    assert forebay.post(numbers(10, 1000), key="k").raise_for_status().json()["last_offset"] < cursor
    answer = forebay.post(numbers(2000, 2000)).raise_for_status().json()
    assert answer["first_offset"] >= cursor
    forebay.drained()
    assert forebay.values() == [*map(float, range(1010)), *map(float, range(2000, 4000))]
    # Nothing says that what was not a metric among the missing was none: "1 at most".
    audit = forebay.command("audit", "--data", str(forebay.data), "--accept-lost")
    assert audit.returncode == 0, audit.stdout


def test_an_older_copy_put_back_while_the_store_was_away(forebay: Forebay) -> None:
    """A store that could not be asked at the start is blocked and says so, however much is accepted until it
    answers: it would take new metrics for those that it has."""
    go_back(forebay)
    database, away = forebay.data / "forebay.db", forebay.home / "away.db"
    database.rename(away)
    database.mkdir()
    forebay.start()
    forebay.post(numbers(2000, 2000)).raise_for_status()
    database.rmdir()
    away.rename(database)
    store = in_trouble(forebay, "older copy")
    assert store["state"] == "blocked"
    [told] = forebay.logged("the newest part of the journal is missing")
    assert told["acknowledged_before"] > told["journal_ended_at"]
    assert forebay.values() == [*map(float, range(1010))]
