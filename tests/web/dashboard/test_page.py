"""What can be told of the page from its files: that it is safe, whole, self-contained and small."""

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[3] / "web" / "dashboard" / "static"
FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
MODULES = [path for path in FILES if path.suffix == ".js"]
BUDGET = 40_000

MARKUP_FROM_TEXT = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|setHTMLUnsafe|createContextualFragment"
    r"|DOMParser|\beval\b|new Function|javascript:"
)
INLINE = re.compile(r"""\s(?:on\w+|style)\s*=\s*["']|<style|setAttribute\(\s*['"](?:style|on)""")
OUTSIDE = re.compile(r"""(?:https?:)?//[\w-]+\.[\w.-]+""")
IMPORT = re.compile(r"""(?:from |import\()['"]([^'"\n]+)['"]""")
IMPURE = re.compile(
    r"Date\.now|new Date\(\)|Math\.random|performance\.|\bdocument\b|\bwindow\b|fetch\(|WebSocket|setTimeout"
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


def page_links() -> Links:
    """What index.html loads."""
    links = Links()
    links.feed((STATIC / "index.html").read_text())
    return links


def reachable(module: Path) -> set[Path]:
    """`module` and every module that it imports, directly or not."""
    found: set[Path] = set()
    queue = [module]
    while queue:
        path = queue.pop().resolve()
        if path not in found:
            found.add(path)
            queue += [path.parent / name for name in IMPORT.findall(path.read_text())]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(STATIC)))
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
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], text: str) -> None:
    """Each pattern of the test above finds an example of what it must refuse."""
    assert pattern.search(text)


def test_no_script_stands_in_the_page() -> None:
    """index.html has no script text: the strict Content-Security-Policy would refuse it."""
    assert not page_links().script.strip()


def test_everything_that_is_loaded_is_there() -> None:
    """Each file that index.html or a module names exists, and each module is used."""
    for url in page_links().urls:
        assert url.startswith("#") or (STATIC / url).is_file(), url
    assert reachable(STATIC / "main.js") == {path.resolve() for path in MODULES}


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name == "core"], ids=lambda path: path.name)
def test_cores_are_pure(path: Path) -> None:
    """A core imports only cores, and reads no clock, chance, document or network."""
    text = path.read_text()
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    assert all(re.fullmatch(r"\./\w+\.js", name) for name in IMPORT.findall(code))
    assert not IMPURE.findall(code)


def test_the_page_is_small() -> None:
    """All files of the page together are below 40 kB as they travel, gzipped one by one."""
    assert sum(len(gzip.compress(path.read_bytes())) for path in FILES) < BUDGET
