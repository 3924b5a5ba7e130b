"""Ends what a dead process has left: run as a script, it reads what there is and waits for the end of input.

Lines on standard input: `+pid N SIGNAL` and `-pid N`, `+dir PATH` and `-dir PATH`. When the input ends, be it
by SIGKILL of the writer, the processes that are still listed are ended and the directories removed. Only
the standard library, so that it starts in milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import time

PATIENCE = 8.0
"""Seconds for an orderly end; PostgreSQL itself gives its children 5."""


def end(processes: list[tuple[int, int]]) -> None:
    """Every process of these (pidfd, signal) is gone after this: by its signal, or else by SIGKILL."""
    deadline = time.monotonic() + PATIENCE
    for descriptor, number in processes:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGCONT)
            signal.pidfd_send_signal(descriptor, number)
    for descriptor, _ in processes:
        ended, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [], PATIENCE)


def remove(directory: str) -> None:
    """Remove a directory and all in it, also where a process that is just ending still writes there."""
    deadline = time.monotonic() + PATIENCE
    while os.path.lexists(directory) and time.monotonic() < deadline:
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(0.01)


def main() -> None:
    """Read until the writer is gone, then end and remove what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    processes: dict[str, tuple[int, int]] = {}
    directories: set[str] = set()
    for line in sys.stdin:
        what, _, which = line.rstrip("\n").partition(" ")
        match what:
            case "+pid":
                which, _, number = which.partition(" ")
                with contextlib.suppress(ProcessLookupError):
                    processes[which] = os.pidfd_open(int(which)), int(number)
            case "-pid":
                if which in processes:
                    os.close(processes.pop(which)[0])
            case "+dir":
                directories.add(which)
            case _:
                directories.discard(which)
    end(list(processes.values()))
    for directory in directories:
        remove(directory)


if __name__ == "__main__":
    main()
