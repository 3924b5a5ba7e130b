"""Golden journals: small ones of each format, kept for ever, that every later version must read.

    python -m tests.journal.golden.make

A golden is never made again. When a segment's format changes, its new version gets a folder of its own
(`format-2`) beside the old ones; when an event is added or gets a new version, a new case is added to the
newest folder. Whatever exists already is left as it is, and the command says so and leaves with 1: a golden
that today's code would write differently is what the tests are there to show, and no reason to replace it.

Beside each `journal/` stand
    dump.ndjson     what `forebay journal dump --json` prints, byte by byte
    expected.json   the state at many offsets, the reports and findings of `verify`, and what recovery finds

Both were written by the code of that day, looked through by a person, and checked by a test that decodes the
segments by hand from the text of journal/framing.py. They change in one case only: what is printed was
wrong; the commit then says for whom.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec

from journal.framing import FORMAT_VERSION
from tests.journal.golden.cases import CASES
from tests.journal.golden.observing import dumped, folded, recovered, verified

HERE = Path(__file__).parent


def make(folder: Path) -> list[str]:
    """Make the cases that `folder` does not hold; returns the names of those that it holds already."""
    kept: list[str] = []
    for name, write in CASES.items():
        case = folder / name
        if case.exists():
            kept.append(name)
            continue
        journal = case / "journal"
        write(journal)
        (case / "dump.ndjson").write_bytes(dumped(journal))
        expected = {"verify": verified(journal), "fold": asyncio.run(folded(journal))}
        with tempfile.TemporaryDirectory() as directory:
            copy = shutil.copytree(journal, Path(directory) / "journal")
            expected["recover"] = recovered(copy)
        text = msgspec.json.format(msgspec.json.encode(expected), indent=1)
        (case / "expected.json").write_bytes(text + b"\n")
    return kept


def main() -> int:
    """Make what is missing, and say what was there."""
    kept = make(HERE / f"format-{FORMAT_VERSION}")
    for name in kept:
        sys.stderr.write(f"{name}: kept, a golden is never made again\n")
    return 1 if kept else 0


if __name__ == "__main__":
    sys.exit(main())
