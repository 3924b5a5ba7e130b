"""What is installed has the page, as it was built; nothing is installed without."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The files in a wheel of this folder."""
    folder = tmp_path_factory.mktemp("wheel")
    (made,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(made).namelist()


def test_the_wheel_has_the_page(names: list[str]) -> None:
    """index.html, scripts and styles under names with a hash, what travels of them, and licences."""
    page = [name.removeprefix("web/dashboard/") for name in names if name.startswith("web/dashboard/")]
    for wanted in (
        r"dist/index\.html",
        r"dist/index\.html\.br",
        r"dist/icon\.svg",
        r"dist/licenses\.txt",
        r"dist/assets/index-[\w-]{8}\.js\.gz",
        r"dist/assets/index-[\w-]{8}\.css",
    ):
        assert any(re.fullmatch(wanted, name) for name in page), wanted
    assert all(name.startswith("dist/") and not name.endswith(".map") for name in page)


def test_the_wheel_has_nothing_else_than_the_program(names: list[str]) -> None:
    """Neither tests nor packages of npm nor what builds the page."""
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "actors",
        "journal",
        "web",
        "sql",
    }
    assert not [name for name in names if "node_modules" in name or name.endswith(("build.py", ".mjs"))]


def test_nothing_is_built_without_the_page(tmp_path: Path) -> None:
    """A checkout whose page has not been built refuses to make a wheel, and says what to do."""
    (tmp_path / "web" / "dashboard").mkdir(parents=True)
    for name in ("pyproject.toml", "web/dashboard/hatch_build.py", "README.md", "LICENSE"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "actors").mkdir()
    (tmp_path / "actors" / "__init__.py").write_text('__version__ = "1"\n')
    with pytest.raises(Exception, match="`just build` makes the page first"):
        list(WheelBuilder(str(tmp_path)).build(directory=str(tmp_path / "out"), versions=["standard"]))
    assert not list(tmp_path.glob("out/*.whl"))
