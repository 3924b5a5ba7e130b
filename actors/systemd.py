"""What systemd is told, as sd_notify(3) and sd_watchdog_enabled(3) have it. Without systemd: nothing.

The messages are pure; `Notifier` sends them.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping

Microseconds = int


def ready(status: str = "") -> str:
    """Start-up, or a reload, is complete."""
    return _with_status("READY=1", status)


def stopping(status: str = "") -> str:
    """Shutdown has begun."""
    return _with_status("STOPPING=1", status)


def reloading(monotonic: Microseconds) -> str:
    """A reload has begun at `monotonic` (CLOCK_MONOTONIC); `ready` must follow."""
    return f"RELOADING=1\nMONOTONIC_USEC={monotonic}"


def watchdog() -> str:
    """The process makes progress."""
    return "WATCHDOG=1"


def status(text: str) -> str:
    """One line about the present state, for `systemctl status`."""
    return f"STATUS={' '.join(text.split())}"


def extend_timeout(seconds: float) -> str:
    """Start-up or shutdown takes at least `seconds` more from now."""
    return f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}"


def socket_address(value: str) -> str | None:
    """The address that NOTIFY_SOCKET names: a path, or with a leading @ the abstract namespace; None if
    it is of a kind that is not known here (vsock)."""
    if value.startswith("/"):
        return value
    return f"\0{value[1:]}" if value.startswith("@") and len(value) > 1 else None


def watchdog_interval(environment: Mapping[str, str], pid: int) -> float | None:
    """Seconds between `watchdog` messages: half of what is allowed; None where `pid` is not watched."""
    meant_for = environment.get("WATCHDOG_PID")
    allowed = environment.get("WATCHDOG_USEC", "")
    if (meant_for and meant_for != str(pid)) or not allowed.isdecimal() or int(allowed) == 0:
        return None
    return int(allowed) / 2_000_000


class Notifier:
    """Sends messages to systemd; does nothing where none listens, and never raises or waits.

    `watchdog_every` is the number of seconds between watchdog messages, or None.
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, *, pid: int | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        given = os.environ if environment is None else environment
        self._address = socket_address(given.get("NOTIFY_SOCKET", ""))
        self._monotonic_ns = monotonic_ns
        self.watchdog_every = (
            watchdog_interval(given, os.getpid() if pid is None else pid) if self._address else None
        )

    def send(self, message: str) -> bool:
        """Send `message`; whether somebody took it."""
        if self._address is None:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.setblocking(False)
                out.connect(self._address)
                out.send(message.encode())
        except OSError:
            # A supervisor that does not listen is no reason to fail: the watchdog is its own remedy.
            return False
        return True

    def reloading(self) -> bool:
        """Say that a reload begins now; send `ready` when it is done."""
        return self.send(reloading(self._monotonic_ns() // 1000))


def _with_status(message: str, text: str) -> str:
    return f"{message}\n{status(text)}" if text else message
