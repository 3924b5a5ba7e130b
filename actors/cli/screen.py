"""A terminal's other screen: frames drawn in place, and the terminal as it was afterwards."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

from actors.cli.terminal import cut

Wake: TypeAlias = Literal["time", "resize", "quit"]

_ENTER: Final = "\033[?1049h\033[?25l"
_LEAVE: Final = "\033[?25h\033[?1049l"
_QUIT: Final = frozenset(b"qQ\x04")


class Screen:
    """The other screen while the block runs; left again however it ends, and while the process is stopped.

    xterm control sequences, "Alternate Screen Buffer" and "DECTCEM". Keys are read where stdin is a
    terminal too. SIGTERM and SIGHUP end the block as Ctrl-C does, by KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self._keys = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
        self._cooked: list[Any] | None = None
        self._before: dict[int, Any] = {}
        self._woken, self._wake = -1, -1

    def __enter__(self) -> Self:
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        ends: dict[int, Callable[[int, FrameType | None], Any]] = {
            signal.SIGTERM: signal.default_int_handler,
            signal.SIGHUP: signal.default_int_handler,
            signal.SIGWINCH: self._resized,
            signal.SIGTSTP: self._stop,
        }
        for number, handler in ends.items():
            self._before[number] = signal.signal(number, handler)
        self._enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._woken)
        os.close(self._wake)

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        size = shutil.get_terminal_size()
        return size.columns, size.lines

    def draw(self, lines: Sequence[str]) -> None:
        """Show `lines`, none wider than the screen; those below its end are counted in its last line."""
        room, height = self.size()
        shown = list(lines[:height])
        if len(lines) > height:
            shown[-1] = cut(f"… {len(lines) - height + 1} more lines: make the terminal higher", room)
        sys.stdout.write("\033[H" + "\n".join(f"{line}\033[K" for line in shown) + "\033[J")
        sys.stdout.flush()

    def wait(self, seconds: float) -> Wake:
        """What came first: the time was over, the terminal's size changed, or somebody wants to leave."""
        until = time.monotonic() + seconds
        listened = [self._woken] if self._keys is None else [self._woken, self._keys]
        while (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select(listened, [], [], left)
            if self._keys in ready:
                typed = os.read(listened[1], 64)
                if not typed or not _QUIT.isdisjoint(typed):
                    return "quit"
            if self._woken in ready:
                os.read(self._woken, 64)
                return "resize"
        return "time"

    def _enter(self) -> None:
        if self._keys is not None:
            self._cooked = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys)
        sys.stdout.write(_ENTER)
        sys.stdout.flush()

    def _leave(self) -> None:
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()
        if self._keys is not None and self._cooked is not None:
            termios.tcsetattr(self._keys, termios.TCSADRAIN, self._cooked)

    def _resized(self, number: int, frame: FrameType | None) -> None:
        os.write(self._wake, b"r")

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._leave()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        # Here the process stops, and goes on with SIGCONT.
        signal.signal(signal.SIGTSTP, self._stop)
        self._enter()
        os.write(self._wake, b"c")
