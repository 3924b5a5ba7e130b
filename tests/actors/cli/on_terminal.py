"""A command on a terminal of its own: what it shows, what is typed, and the terminal's size and modes."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.actors.cli.test_shell import clean_environment

CONTROL = re.compile(r"\033\[[0-9;?]*[A-Za-z]")


class Terminal:
    """`forebay` with `arguments` on a terminal of `columns` by `lines`."""

    def __init__(self, arguments: tuple[str, ...], cwd: Path, columns: int, lines: int, **environment: str):
        self._ours, self.theirs = pty.openpty()
        self.resize(columns, lines)
        self.modes = self.attributes()
        self.shown = ""
        environment = clean_environment(**{"TERM": "xterm", "PYTHONUTF8": "1", **environment})
        self.process = subprocess.Popen(
            [sys.executable, "-m", "actors", *arguments],
            cwd=cwd,
            env={name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")},
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
        )

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def attributes(self) -> list[Any]:
        return termios.tcgetattr(self.theirs)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def until(self, text: str, seconds: float = 60.0) -> str:
        """What was shown up to and with `text`, since the last call. Raises TimeoutError, EOFError."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            self._read(deadline, text)
        before, _, self.shown = self.shown.partition(text)
        return before + text

    def leaves(self, seconds: float = 60.0) -> int:
        """The exit code, once it has left; what it showed meanwhile is in `shown`."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            self._read(deadline, "its end")
        while select.select([self._ours], [], [], 0)[0]:
            self.shown += os.read(self._ours, 65_536).decode("utf-8", "replace")
        return self.process.returncode

    def _read(self, deadline: float, awaited: str) -> None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited for {awaited!r}, saw {self.shown!r}")
        if select.select([self._ours], [], [], 0.05)[0]:
            self.shown += os.read(self._ours, 65_536).decode("utf-8", "replace")
        elif self.process.poll() is not None and awaited != "its end":
            raise EOFError(f"left before {awaited!r}, having shown {self.shown!r}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self.theirs)


@contextmanager
def on_terminal(
    *arguments: str, cwd: Path, columns: int = 80, lines: int = 40, **environment: str
) -> Iterator[Terminal]:
    """The command, killed at the end of the block if it still runs."""
    terminal = Terminal(arguments, cwd, columns, lines, **environment)
    try:
        yield terminal
    finally:
        terminal.close()
