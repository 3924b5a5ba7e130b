"""What can be told of the page from its files: that it is safe, whole, self-contained and small."""

from __future__ import annotations

import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from web.app import PAGE

HOME = Path(__file__).parents[3] / "web" / "dashboard"
SOURCE = HOME / "src"
FILES = sorted(
    path
    for path in [HOME / "index.html", *SOURCE.rglob("*"), *(HOME / "public").rglob("*")]
    if path.is_file()
)
MODULES = [path for path in FILES if path.suffix == ".js"]
PACKAGES = json.loads((HOME / "package.json").read_text())["dependencies"]
BUDGET = 150_000
"""Bytes on the wire until everything is there that `/` loads by itself."""

MARKUP_FROM_TEXT = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|setHTMLUnsafe|createContextualFragment"
    r"|DOMParser|\beval\b|new Function|javascript:"
)
INLINE = re.compile(r"""\s(?:on\w+|style)\s*=\s*["']|<style|setAttribute\(\s*['"](?:style|on)""")
OUTSIDE = re.compile(r"""(?:https?:)?//[\w-]+\.[\w.-]+""")
IMPORT = re.compile(r"""(?:\bfrom\s|\bimport\(|\bimport\s)\s*['"]([^'"\n]+)['"]""")
IMPURE = re.compile(
    r"Date\.now|new Date\(\)|Math\.random|\bperformance\.|\b(?:document|window|globalThis|navigator)\."
    r"|\bfetch\(|\bnew (?:WebSocket|EventSource)|\bset(?:Timeout|Interval)\(|\brequestAnimationFrame\("
    r"|\blocalStorage\b"
)
XML_NAMESPACE = "http://www.w3.org/2000/svg"


class Links(HTMLParser):
    """Collects what a page loads, and the text of its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.script = ""
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.urls += [value for name, value in attrs if name in ("src", "href") and value]
        self._in_script = tag == "script"

    def handle_data(self, data: str) -> None:
        self.script += data if self._in_script else ""

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False


def links_of(page: Path) -> Links:
    """What `page` loads."""
    links = Links()
    links.feed(page.read_text())
    return links


def code_of(module: Path) -> str:
    """The module without its comments, in which types are imported too."""
    return re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", module.read_text(), flags=re.DOTALL)


def reachable(module: Path) -> set[Path]:
    """`module` and every file of the page that it imports, directly or not, or by its types alone."""
    found: set[Path] = set()
    queue = [module]
    while queue:
        path = queue.pop().resolve()
        if path not in found:
            found.add(path)
            if path.suffix == ".js":
                queue += [
                    path.parent / name for name in IMPORT.findall(path.read_text()) if name.startswith(".")
                ]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOME)))
def test_text_is_never_markup_and_nothing_is_inline_or_from_outside(path: Path) -> None:
    """No file turns text into markup or code, has inline handlers or styles, or names another host."""
    text = path.read_text().replace(XML_NAMESPACE, "")
    assert not MARKUP_FROM_TEXT.findall(text)
    assert not INLINE.findall(text)
    assert not OUTSIDE.findall(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MARKUP_FROM_TEXT, "cell.innerHTML = name"),
        (INLINE, '<p style="color: red">'),
        (INLINE, '<img src=x onerror="steal()">'),
        (INLINE, "element.setAttribute('onclick', code)"),
        (OUTSIDE, '<script src="//cdn.example.org/x.js">'),
        (OUTSIDE, "import('https://example.org/x.js')"),
        (IMPURE, "const at = document.title"),
        (IMPURE, "new WebSocket(url)"),
        (IMPURE, "setTimeout(again, 1_000)"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], text: str) -> None:
    """Each pattern of these tests finds an example of what it must refuse."""
    assert pattern.search(text)


@pytest.mark.parametrize("page", [HOME / "index.html", PAGE / "index.html"], ids=["source", "built"])
def test_no_script_stands_in_the_page(page: Path) -> None:
    """index.html has no script text, inline style or handler: the Content-Security-Policy refuses them."""
    assert not links_of(page).script.strip()
    assert not INLINE.findall(page.read_text())


def test_everything_that_is_loaded_is_there() -> None:
    """Each file that index.html or a module names exists, each module is used, and each package is one that
    package.json names."""
    urls = [url for url in links_of(HOME / "index.html").urls if not url.startswith("#")]
    for url in urls:
        assert url.startswith("/"), url
        assert (HOME / url[1:]).is_file() or (HOME / "public" / url[1:]).is_file(), url
    used = reachable(SOURCE / "main.js")
    assert not {path for path in used if not path.is_file()}
    assert used >= {path.resolve() for path in MODULES}
    named = {name for path in MODULES for name in IMPORT.findall(code_of(path)) if not name.startswith(".")}
    assert {package(name) for name in named} <= set(PACKAGES)


def package(name: str) -> str:
    """The package of what is imported from it."""
    return "/".join(name.split("/")[: 2 if name.startswith("@") else 1])


def test_imports_are_found_however_they_are_written() -> None:
    """The pattern finds imports for effect, of names over lines, of pages when needed, and of types."""
    text = "import './a.css';\nimport {\n  b,\n} from './b.js';\nimport('./c.js');\n"
    text += "/** @type {import('./d.js').D} */"
    assert IMPORT.findall(text) == ["./a.css", "./b.js", "./c.js", "./d.js"]


@pytest.mark.parametrize("path", sorted((SOURCE / "core").rglob("*.js")), ids=lambda path: path.name)
def test_cores_are_pure(path: Path) -> None:
    """A core imports only cores, and reads no clock, chance, document or network."""
    code = code_of(path)
    assert all(re.fullmatch(r"\./[\w-]+\.js", name) for name in IMPORT.findall(code))
    assert not IMPURE.findall(code)


def loaded_at_once(page: Path) -> set[Path]:
    """Whatever a browser fetches for `page` by itself, and for the view that it begins with; modules that are
    loaded when needed left out."""
    found = {page}
    queue = [page.parent / url for url in links_of(page).urls if not url.startswith("#")]
    queue += [path for path in (PAGE / "assets").glob("overview-*") if path.suffix in (".js", ".css")]
    while queue:
        path = queue.pop().resolve()
        if path in found:
            continue
        found.add(path)
        if path.suffix == ".js":
            static = re.findall(r"""\b(?:from|import)\s*["'](\.[^"']+)["']""", path.read_text())
            queue += [path.parent / name for name in static]
    return found


def on_the_wire(path: Path, encoding: str) -> int:
    """Bytes that `path` is sent as by web/page.py to a browser that takes `encoding`."""
    beside = path.with_name(path.name + {"br": ".br", "gzip": ".gz"}[encoding])
    return (
        beside.stat().st_size
        if beside.exists()
        else min(path.stat().st_size, len(gzip.compress(path.read_bytes())))
    )


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_the_page_is_small(encoding: str) -> None:
    """What a first visit loads is below 150 kB as it travels (tests/browser weighs it in a browser)."""
    first = loaded_at_once(PAGE / "index.html")
    assert all(path.is_file() for path in first), first
    assert sum(on_the_wire(path, encoding) for path in first) < BUDGET


def test_what_was_built_needs_nothing_from_outside_or_inline() -> None:
    """No file of the build but its list of licences has a data: address, and styles name no other host."""
    files = [path for path in PAGE.rglob("*") if path.suffix in (".html", ".js", ".css")]
    assert files
    for path in files:
        assert not re.search(r"""url\(\s*["']?data:|(?:src|href)=["']data:""", path.read_text()), path
    for path in files:
        assert path.suffix == ".js" or not OUTSIDE.findall(path.read_text()), path


def test_the_lock_names_no_host() -> None:
    """package-lock.json has checksums and no addresses: npm asks the registry that its user has chosen."""
    packages = json.loads((HOME / "package-lock.json").read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert not [name for name, package in packages.items() if name and "integrity" not in package]


@pytest.mark.parametrize(
    "platform", ["linux-x64", "linux-x64-musl", "linux-arm64", "linux-arm64-musl", "darwin-arm64"]
)
def test_the_lock_serves_every_platform(platform: str) -> None:
    """Whoever sets up elsewhere than who made the lock finds the bundler and the linter for his machine."""
    packages = json.loads((HOME / "package-lock.json").read_text())["packages"]
    glibc = "" if "musl" in platform or "darwin" in platform else "-gnu"
    assert f"node_modules/@biomejs/cli-{platform}" in packages
    assert f"node_modules/@rolldown/binding-{platform}{glibc}" in packages
    assert f"node_modules/lightningcss-{platform}{glibc}" in packages
