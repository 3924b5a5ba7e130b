"""How `forebay run` leaves when it cannot run: a code, and one line with what, where and what to do."""

from __future__ import annotations

import contextlib
import signal
import socket
from pathlib import Path

import pytest

from tests.process.conftest import Launch
from tests.process.forebay import Forebay, eventually, numbers

SMALL = {"FOREBAY_SEGMENT_BYTES": "1MiB"}


def leaves(forebay: Forebay) -> tuple[int, str]:
    """The exit code, and what was said last; there is no traceback."""
    forebay.log_path.unlink(missing_ok=True)
    code = forebay.spawn().wait()
    assert "Traceback" not in forebay.log()
    return code, forebay.log().splitlines()[-1]


def filled(forebay: Forebay, segments: int) -> list[Path]:
    """The segments of a journal that has at least so many, its process stopped in order."""
    forebay.start()
    forebay.post(numbers(0, 2000)).raise_for_status()
    while forebay.status()["journal"]["segments"] < segments:
        forebay.post(numbers(0, 5000)).raise_for_status()
    assert forebay.terminate() == 0
    return sorted((forebay.data / "journal").glob("*.segment"))


def flip(path: Path, position: int) -> None:
    """Flip a bit of the byte at `position`."""
    with path.open("r+b") as file:
        file.seek(position)
        [byte] = file.read(1)
        file.seek(position)
        file.write(bytes([byte ^ 0x10]))


@pytest.mark.parametrize("place", ["header", "snapshot", "middle"])
def test_a_corrupt_journal(launch: Launch, place: str) -> None:
    """A damaged byte where the disk had synced: 3, and a line with segment, byte, and the command that helps;
    nothing is changed on the disk."""
    forebay = launch(env=SMALL)
    newest = filled(forebay, 1)[-1]
    flip(newest, {"header": 20, "snapshot": 90, "middle": 40_000}[place])
    before = newest.read_bytes()
    code, line = leaves(forebay)
    assert code == 3
    assert newest.name in line
    assert "byte" in line
    assert "journal repair" in line
    assert newest.read_bytes() == before


def test_a_missing_segment(launch: Launch) -> None:
    """A hole between segments: 3, and the line names the one that is missing."""
    forebay = launch(env=SMALL)
    segments = filled(forebay, 3)
    segments[1].unlink()
    code, line = leaves(forebay)
    assert code == 3
    assert segments[1].name in line


def test_an_old_segment_that_rots_stops_the_store_not_ingest(launch: Launch) -> None:
    """Damage in a segment that is not the newest is met by whoever reads it: the store says where it is
    and waits; metrics are taken all the same."""
    forebay = launch(env=SMALL)
    segments = filled(forebay, 3)
    flip(segments[0], 500_000)
    forebay.env["FOREBAY_STORE"] = "sqlite:///second.db"
    forebay.start()
    blocked = eventually(
        lambda: (store := forebay.status()["stores"][0])["state"] == "blocked" and store,
        "the store is blocked",
    )
    assert segments[0].name in blocked["last_error"]
    assert "journal repair" in blocked["last_error"]
    assert forebay.post(numbers(0, 1)).status_code == 202
    assert forebay.terminate() == 0


def test_a_directory_in_use(launch: Launch, forebay: Forebay) -> None:
    """4, and the line names the process that holds it; that one goes on."""
    second = launch(env=SMALL)
    second.data = forebay.data
    code, line = leaves(second)
    assert code == 4
    assert str(forebay.pid) in line
    assert str(forebay.data) in line
    assert forebay.post(numbers(0, 1)).status_code == 202


def test_a_lock_of_a_dead_process_is_no_lock(launch: Launch) -> None:
    """A pid that a killed process left in the lock keeps nobody out."""
    forebay = launch(env=SMALL).start()
    forebay.kill()
    assert (forebay.data / "lock").read_text().strip() == str(forebay.pid)
    forebay.start()


def test_a_port_in_use(launch: Launch, forebay: Forebay) -> None:
    """1, and the line names the port."""
    second = launch(env=SMALL, port=forebay.port)
    code, line = leaves(second)
    assert code == 1
    assert str(forebay.port) in line
    assert "in use" in line


@pytest.mark.slow
def test_a_port_that_another_only_starts_to_use(launch: Launch) -> None:
    """Of two that start at once, one has the port and goes on; the slower leaves with 1 and names it."""
    slower = launch(env={"FOREBAY_SEGMENT_BYTES": "1GiB"}).spawn()
    eventually(lambda: (slower.data / "journal/spare.new").exists(), "the slower one recovers")
    faster = launch(env=SMALL, port=slower.port).start()
    assert slower.wait(60) == 1
    line = slower.log().splitlines()[-1]
    assert line.startswith(f"forebay: cannot listen on 127.0.0.1, port {slower.port}: the port is in use")
    assert faster.post(numbers(0, 1)).status_code == 202


@pytest.mark.parametrize(
    ("flags", "env", "said"),
    [
        ((), {"FOREBAY_KEEP_DAYS": "soon"}, "FOREBAY_KEEP_DAYS"),
        ((), {"FOREBAY_KEEP_DAY": "1"}, "FOREBAY_KEEP_DAYS"),
        (("--durability", "maybe"), {}, "maybe"),
        (("--host", "0.0.0.0"), {}, "FOREBAY_TOKEN"),
        (("--store", "mysql://root:hunter2@db"), {}, "mysql"),
        (("--nonsense",), {}, "--nonsense"),
    ],
)
def test_a_bad_configuration(launch: Launch, flags: tuple[str, ...], env: dict[str, str], said: str) -> None:
    """2, and a line that names the setting; nothing is made on the disk, no secret is shown."""
    forebay = launch(*flags, env=env)
    code, line = leaves(forebay)
    assert code == 2
    assert said in line
    assert "hunter2" not in forebay.log()
    assert not forebay.data.exists()


def test_a_place_that_cannot_be_written(launch: Launch) -> None:
    """A data directory that is a file: 1, and the line names it."""
    forebay = launch(env=SMALL)
    forebay.data.write_text("not a directory")
    code, line = leaves(forebay)
    assert code == 1
    assert str(forebay.data) in line


class Systemd:
    """The listening end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(30)

    def heard(self) -> str:
        """The next message."""
        return self.socket.recv(4096).decode()

    def until(self, wanted: str) -> list[str]:
        """The messages up to the one that begins with `wanted`."""
        messages = [self.heard()]
        while not messages[-1].startswith(wanted):
            messages.append(self.heard())
        return messages


def test_systemd_is_told(launch: Launch, tmp_path: Path) -> None:
    """EXTEND_TIMEOUT while it starts, READY when requests are answered and not before, WATCHDOG in time,
    RELOADING and READY for SIGHUP, STOPPING on the way down: over a real datagram socket."""
    systemd = Systemd(tmp_path / "notify")
    with contextlib.closing(systemd.socket):
        forebay = launch(
            env={**SMALL, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        ).spawn()
        starting = systemd.until("READY=1")
        # No second try: who is told READY may connect at once.
        assert forebay.readiness() == 200
        assert any(message.startswith("EXTEND_TIMEOUT_USEC=") for message in starting)
        for _ in range(3):
            assert systemd.until("WATCHDOG=1")
        forebay.signal(signal.SIGHUP)
        assert systemd.until("RELOADING=1")[-1].splitlines()[1].startswith("MONOTONIC_USEC=")
        assert "STOPPING=1" not in systemd.until("READY=1")
        forebay.signal(signal.SIGTERM)
        systemd.until("STOPPING=1")
        assert forebay.wait() == 0


def test_ready_means_that_connections_are_taken(launch: Launch, tmp_path: Path) -> None:
    """Five starts: the first connection after READY is answered every time."""
    systemd = Systemd(tmp_path / "notify")
    with contextlib.closing(systemd.socket):
        forebay = launch(env={**SMALL, "NOTIFY_SOCKET": str(tmp_path / "notify")})
        for _ in range(5):
            forebay.spawn()
            systemd.until("READY=1")
            with socket.create_connection(("127.0.0.1", forebay.port), timeout=5):
                pass
            assert forebay.readiness() == 200
            forebay.kill()


def test_the_watchdog_is_silent_when_the_loop_hangs(launch: Launch, tmp_path: Path) -> None:
    """A process that makes no progress, here because it is stopped, sends no beat; systemd would end it."""
    systemd = Systemd(tmp_path / "notify")
    with contextlib.closing(systemd.socket):
        forebay = launch(
            env={**SMALL, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        ).start()
        forebay.signal(signal.SIGSTOP)
        eventually(
            lambda: Path(f"/proc/{forebay.pid}/stat").read_text().split()[2] == "T", "the process is stopped"
        )
        systemd.socket.settimeout(0.001)
        with contextlib.suppress(TimeoutError):
            while systemd.heard():
                pass
        systemd.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            systemd.heard()
        forebay.signal(signal.SIGCONT)
        systemd.socket.settimeout(10)
        systemd.until("WATCHDOG=1")
