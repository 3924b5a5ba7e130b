"""`forebay run` on a disk whose syncs take longer: `python -m tests.process.slow_disk run …`.

SLOW_SYNC is how many seconds longer. While the file that SLOW_WHILE names exists, syncs do not end at all.
"""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser

from actors.cli.settings_flags import add_settings, settings_from
from actors.process import run_process
from journal.disk import FileSystem, OsFileSystem
from tests.journal.faults import SlowSync


class Stalling(SlowSync):
    """A SlowSync that hangs for as long as the file `gate` is there."""

    def __init__(self, fs: FileSystem, seconds: float, gate: str) -> None:
        super().__init__(fs, seconds)
        self._gate = gate

    def _wait(self) -> None:
        super()._wait()
        while self._gate and os.path.exists(self._gate):
            time.sleep(0.005)


def main(arguments: list[str]) -> int:
    parser = ArgumentParser()
    add_settings(parser)
    loaded = settings_from(parser.parse_args(arguments))
    seconds, gate = float(os.environ.get("SLOW_SYNC", "0")), os.environ.get("SLOW_WHILE", "")
    return run_process(loaded, fs=Stalling(OsFileSystem(), seconds, gate))


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:]))
