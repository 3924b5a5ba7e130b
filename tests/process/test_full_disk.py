"""No room, for real: a file-size limit set on the running process, and a small file system."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.process.conftest import Launch
from tests.process.forebay import Forebay, eventually, numbers

SMALL = {
    "FOREBAY_SEGMENT_BYTES": "1MiB",
    # The store's disk is full too: on a slow machine its breaker opens, and nobody waits a minute for it.
    "METRICS_PERSISTER_CIRCUIT_BREAKER_TIMEOUT": "1",
}

LOOKED = 2.5
"""Seconds for which a full disk must be said to be full: room has been looked for twice in them."""


@pytest.fixture
def forebay(launch: Launch) -> Forebay:
    """One Forebay with small segments, started and ready."""
    return launch(env=SMALL).start()


def limit(forebay: Forebay, size: int) -> None:
    """Let the process make no file longer than `size`."""
    resource.prlimit(forebay.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def fill(forebay: Forebay, begin: int) -> int:
    """Post numbers from `begin` until there is no room; the number behind the last that was accepted."""
    while True:
        answer = forebay.post(numbers(begin, 1000))
        if answer.status_code != 202:
            break
        begin += 1000
    assert answer.status_code == 507, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 507
    assert "disk is full" in answer.json()["detail"]
    return begin


def not_ready(forebay: Forebay) -> str:
    """The reasons that /readyz gives, once it says 503."""
    return eventually(lambda: reasons(forebay), "/readyz says 503")


def reasons(forebay: Forebay) -> str:
    """The reasons that /readyz gives; none where nobody answers, or something else than 503."""
    try:
        answer = forebay.get("/readyz")
    except httpx.TransportError:
        return ""
    return answer.text if answer.status_code == 503 else ""


def resumed(forebay: Forebay, count: int) -> None:
    """With room again: ready by itself, 202, and what was accepted is stored once, in order."""
    eventually(lambda: forebay.readiness() == 200, "ready again")
    forebay.post(numbers(count, 10), key="after").raise_for_status()
    forebay.drained()
    assert forebay.values() == [float(value) for value in range(count + 10)]
    assert forebay.terminate() == 0
    audit = forebay.audit()
    assert audit.returncode == 0, audit.stdout + audit.stderr


@pytest.mark.parametrize("size", [0, 300_000, 700_001])
def test_a_file_size_limit(forebay: Forebay, size: int) -> None:
    """A limit that hits in the middle of a segment: 507, /readyz, the status and its sentence say why for as
    long as it is there, and all goes on by itself when the limit is lifted."""
    forebay.post(numbers(0, 1000)).raise_for_status()
    limit(forebay, size)
    count = fill(forebay, 1000)
    assert "disk is full" in not_ready(forebay)
    # Room is looked for once a second, in a segment made ahead too, which there is still for the first sizes.
    until = time.monotonic() + LOOKED
    while time.monotonic() < until:
        status = forebay.status()
        assert status["journal"]["state"] == "full"
        assert status["health"]["sentence"].startswith("The disk is full")
        assert forebay.post(numbers(count, 10)).status_code == 507
        assert "disk is full" in reasons(forebay)
    assert forebay.get("/healthz").status_code == 200
    limit(forebay, resource.RLIM_INFINITY)
    resumed(forebay, count)


def test_killed_with_a_full_disk(forebay: Forebay) -> None:
    """Killed while there is no room, and started with room: everything acknowledged is there."""
    limit(forebay, 500_000)
    count = fill(forebay, 0)
    forebay.kill()
    forebay.start()
    resumed(forebay, count)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 120 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=120m", "forebay-test", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_small_file_system(launch: Launch, small_disk: Path) -> None:
    """Journal, store and index share a file system that fills up: 507, nobody dies, and when room is made
    there, all goes on by itself, keyed requests exactly once."""
    forebay = launch(env=SMALL)
    forebay.data = small_disk / "data"
    ballast = small_disk / "ballast"
    # What the journal takes into the 15 MiB left needs up to four times as much in the store.
    ballast.write_bytes(bytes(105 * 1024 * 1024))
    forebay.start()
    forebay.post(numbers(0, 1000), key="first").raise_for_status()
    count = fill(forebay, 1000)
    assert "disk is full" in not_ready(forebay)
    assert forebay.post(numbers(0, 1000), key="first").status_code in (202, 507, 503)
    ballast.unlink()
    eventually(lambda: forebay.readiness() == 200, "ready again")
    again = forebay.post(numbers(0, 1000), key="first").raise_for_status().json()
    assert again["accepted"] == 1000
    forebay.drained()
    assert forebay.values() == [float(value) for value in range(count)]
    assert {actor["restarts"] for actor in forebay.status()["actors"]["children"]} == {0}
    assert forebay.terminate() == 0
    audit = forebay.audit()
    assert audit.returncode == 0, audit.stdout + audit.stderr


def fill_up(ballast: Path) -> None:
    """Let `ballast` take all the room that there is, whoever takes some of it meanwhile."""
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1024 * 1024))


def test_starting_on_a_full_file_system(launch: Launch, small_disk: Path) -> None:
    """Killed and started again while the disk is full: it starts, serves reads, says 507, and resumes."""
    forebay = launch(env=SMALL)
    forebay.data = small_disk / "data"
    forebay.start()
    ballast = small_disk / "ballast"
    forebay.post(numbers(0, 1000), key="first").raise_for_status()
    forebay.drained()
    fill_up(ballast)
    count = fill(forebay, 1000)
    forebay.kill()
    fill_up(ballast)
    forebay.spawn()
    assert "disk is full" in not_ready(forebay)
    fill(forebay, count)
    assert forebay.status()["accepted"] == count
    ballast.unlink()
    eventually(lambda: forebay.readiness() == 200, "ready again")
    assert forebay.post(numbers(0, 1000), key="first").json()["first_offset"] < count
    forebay.drained()
    assert forebay.values() == [float(value) for value in range(count)]
