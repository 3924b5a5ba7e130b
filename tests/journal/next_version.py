"""The next version of Forebay, as far as reading a journal goes: today's source with three lines changed.

`metrics/2` calls its list `samples`, `cursor-advanced/2` calls its offset `before`, and the upcasters bring
either there from version 1. A copy of the source, and not names put in place of others: decoders, tags and
what the skimmer knows of a record's beginning are made when the module is imported, and have to be right too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

_CHANGES = (
    (
        'class MetricsAccepted(_Event, frozen=True, tag="metrics/1"):',
        'class MetricsAccepted(_Event, frozen=True, tag="metrics/2", rename={"metrics": "samples"}):',
    ),
    (
        'class PackedMetrics(_Event, frozen=True, tag="metrics/1"):',
        'class PackedMetrics(_Event, frozen=True, tag="metrics/2", rename={"metrics": "samples"}):',
    ),
    (
        'class CursorAdvanced(_Event, frozen=True, tag="cursor-advanced/1"):',
        'class CursorAdvanced(_Event, frozen=True, tag="cursor-advanced/2", rename={"offset": "before"}):',
    ),
    (
        "UPCASTERS: dict[str, tuple[str, Upcaster]] = {}\n",
        """\
UPCASTERS: dict[str, tuple[str, Upcaster]] = {
    "metrics/1": ("metrics/2", lambda old: {**old, "samples": old["metrics"]}),
    "cursor-advanced/1": ("cursor-advanced/2", lambda old: {**old, "before": old["offset"]}),
}
""",
    ),
)


def write_next_version(directory: Path) -> Path:
    """Put the next version into `directory`, and return that."""
    shutil.copytree(ROOT / "journal", directory / "journal", ignore=shutil.ignore_patterns("__pycache__"))
    events = directory / "journal" / "events.py"
    source = events.read_text()
    for old, new in _CHANGES:
        assert source.count(old) == 1, f"tests/journal/next_version.py no longer finds {old!r}"
        source = source.replace(old, new)
    events.write_text(source)
    return directory


def run_next(version: Path, *arguments: str) -> bytes:
    """What the next version's Python prints, given `arguments`; its crash is this test's failure."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=version,
        env={**os.environ, "PYTHONPATH": f"{version}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    told = done.stderr.decode()
    assert "Traceback" not in told, told
    assert "internal error" not in told, told
    return done.stdout
