"""The page's pure modules, tested where they run: in node, with its own test runner."""

import os
import re
import subprocess
from pathlib import Path

from web.dashboard.build import find_node

HERE = Path(__file__).parent
FEWEST_TESTS = 40


def test_the_cores_keep_their_claims() -> None:
    """Every claim in the *.test.mjs files holds, and all of the files were run."""
    files = sorted(str(path) for path in HERE.rglob("*.test.mjs"))
    done = subprocess.run(
        [str(find_node().node), "--test", "--test-reporter=tap", *files],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "LC_ALL": "en_US.UTF-8"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {key: int(number) for key, number in re.findall(r"^# (\w+) (\d+)$", done.stdout, re.MULTILINE)}
    assert counts["pass"] == counts["tests"] >= FEWEST_TESTS
