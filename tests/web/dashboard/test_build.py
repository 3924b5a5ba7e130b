"""The page is built when its sources say so, and only then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[3] / "web" / "dashboard"
pytestmark = pytest.mark.slow
TOOLS = ("build.py", "package.json", "package-lock.json", "vite.config.js")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A small page with the tools of the real one."""
    for name in TOOLS:
        shutil.copy(HOME / name, tmp_path)
    (tmp_path / "node_modules").mkdir()
    for path in (HOME / "node_modules").iterdir():
        if path.name == ".installed":
            shutil.copy(path, tmp_path / "node_modules")
        elif not path.name.startswith("."):
            (tmp_path / "node_modules" / path.name).symlink_to(path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.js").write_text("console.log('first');\n")
    (tmp_path / "index.html").write_text(
        '<!doctype html><script type="module" src="/src/main.js"></script>\n'
    )
    return tmp_path


def run(home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """What the set-up command runs."""
    return subprocess.run(
        [sys.executable, str(home / "build.py")],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def scripts(home: Path) -> list[str]:
    """What the built scripts are."""
    return [path.read_text() for path in (home / "dist" / "assets").glob("*.js")]


def test_a_change_of_a_source_is_built(home: Path) -> None:
    """The first time, and after a change; in between nothing is done, nor said."""
    assert run(home).returncode == 0
    assert ["first" in each for each in scripts(home)] == [True]
    built = (home / "dist" / "index.html").stat()
    same = run(home)
    assert (same.returncode, same.stdout, same.stderr) == (0, "", "")
    assert (home / "dist" / "index.html").stat() == built
    (home / "src" / "main.js").write_text("console.log('second');\n")
    assert run(home).returncode == 0
    assert ["second" in each for each in scripts(home)] == [True]


def test_a_source_that_is_wrong_leaves_the_page_as_it_was(home: Path) -> None:
    """Exit code 1, the fault and what to do on standard error, and the former page is still there."""
    run(home)
    (home / "src" / "main.js").write_text("import {\n")
    failed = run(home)
    assert failed.returncode == 1
    assert failed.stderr.startswith("page: the page could not be built: ")
    assert "main.js" in failed.stderr
    assert ["first" in each for each in scripts(home)] == [True]
    assert {path.name for path in home.glob("dist*")} == {"dist"}


def test_npm_that_fails_says_so(home: Path) -> None:
    """Of a lock that it cannot read, for one: its words are shown, and nothing is built."""
    lock = home / "package-lock.json"
    lock.write_text(lock.read_text().replace('"packages": {', '"packages": {,', 1))
    failed = run(home)
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"page: npm could not install the packages of {home.name}: ")
    assert not (home / "dist").exists()
