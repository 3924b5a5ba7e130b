"""Ends what a dead process has left: run as a script, it reads what there is and waits for the end of input.

Lines on standard input: `+pid N` and `-pid N`, `+dir PATH` and `-dir PATH`. When the input ends, be it by
SIGKILL of the writer, the processes that are still listed are ended and the directories removed. Only the
standard library, so that it starts in milliseconds.
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


def end(descriptors: list[int]) -> None:
    """Every process of these pidfds is gone after this: SIGQUIT, which PostgreSQL takes as "at once", then
    SIGKILL."""
    deadline = time.monotonic() + PATIENCE
    for number in (signal.SIGCONT, signal.SIGQUIT):
        for descriptor in descriptors:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
    for descriptor in descriptors:
        ended, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [], PATIENCE)


def main() -> None:
    """Read until the writer is gone, then end and remove what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    processes: dict[str, int] = {}
    directories: set[str] = set()
    for line in sys.stdin:
        what, _, which = line.rstrip("\n").partition(" ")
        match what:
            case "+pid":
                with contextlib.suppress(ProcessLookupError):
                    processes[which] = os.pidfd_open(int(which))
            case "-pid":
                if which in processes:
                    os.close(processes.pop(which))
            case "+dir":
                directories.add(which)
            case _:
                directories.discard(which)
    end(list(processes.values()))
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
