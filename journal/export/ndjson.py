"""JSON lines, as `dump --json` prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from journal.export.rows import Exported, Measured


class NdjsonSink:
    """Writes an object a metric to `out`; what is empty is left out of it."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._encode = msgspec.json.Encoder().encode_lines

    def write(self, rows: Sequence[Measured]) -> None:
        """Write a line for each row."""
        self._out.write(self._encode(rows))

    def finish(self, exported: Exported) -> None:
        """Nothing is held back."""

    def give_up(self) -> None:
        """Nothing is held back."""
