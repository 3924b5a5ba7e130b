from __future__ import annotations

import configparser
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import systemd
from actors.config import Settings


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path):
    """A datagram socket as systemd has it, and the value of NOTIFY_SOCKET that leads to it."""
    if request.param == "path":
        address = name = str(tmp_path / "notify")
    else:
        name = f"@forebay-test-{os.getpid()}-{tmp_path.name}"
        address = f"\0{name[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.settimeout(5)
        bound.bind(address)
        yield bound, name


def test_messages_arrive(listener: tuple[socket.socket, str]) -> None:
    """Each message is one datagram at NOTIFY_SOCKET, be it a path or an abstract name."""
    bound, name = listener
    notifier = systemd.Notifier({"NOTIFY_SOCKET": name}, monotonic_ns=lambda: 5_000_000)
    assert notifier.send(systemd.ready("serving"))
    assert bound.recv(4096) == b"READY=1\nSTATUS=serving"
    assert notifier.reloading()
    assert bound.recv(4096) == b"RELOADING=1\nMONOTONIC_USEC=5000"
    for message in (systemd.stopping(), systemd.watchdog(), systemd.extend_timeout(2.5)):
        assert notifier.send(message)
    assert [bound.recv(4096) for _ in range(3)] == [
        b"STOPPING=1",
        b"WATCHDOG=1",
        b"EXTEND_TIMEOUT_USEC=2500000",
    ]


@pytest.mark.parametrize("name", ["", "@", "vsock:2:1234", "relative", "/nowhere/that/exists"])
def test_without_a_listener_nothing_happens(name: str) -> None:
    """No socket, one that cannot be reached, or one of an unknown kind: no message, no error."""
    notifier = systemd.Notifier({"NOTIFY_SOCKET": name} if name else {})
    assert not notifier.send(systemd.ready())


def test_a_full_socket_does_not_block(listener: tuple[socket.socket, str]) -> None:
    """When nobody reads, `send` says so at once and does not hold up the process."""
    bound, name = listener
    notifier = systemd.Notifier({"NOTIFY_SOCKET": name})
    taken = 0
    while notifier.send(systemd.watchdog()):
        taken += 1
        assert taken < 100_000
    assert taken > 0
    assert bound.recv(100) == b"WATCHDOG=1"


@given(st.text())
def test_a_status_is_one_line(text: str) -> None:
    """No text can smuggle a second assignment into a message."""
    assert "\n" not in systemd.status(text)
    assert len(systemd.ready(text).split("\n")) <= 2


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_interval(environment: dict[str, str], interval: float | None) -> None:
    """Half of WATCHDOG_USEC, and only for the process that it is meant for."""
    assert systemd.watchdog_interval(environment, 7) == interval
    assert systemd.Notifier({"NOTIFY_SOCKET": "@x", **environment}, pid=7).watchdog_every == interval


def test_the_unit_agrees_with_the_program() -> None:
    """The unit waits longer than the graceful shutdown, and does not restart what a restart cannot heal."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((Path(systemd.__file__).parent / "forebay.service").read_text())
    service = unit["Service"]
    assert int(service["TimeoutStopSec"]) > Settings().metrics_persister.graceful_shutdown_timeout
    assert service["RestartPreventExitStatus"] == "2 3 4"
    assert service["Type"] == "notify"
    assert "-HUP" in service["ExecReload"]
    assert service["KillMode"] == "mixed"
    assert f"/var/lib/{service['StateDirectory']}" in service["ExecStart"]
