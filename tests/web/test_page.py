"""The page's files on the wire: encodings, tags, how long they may be kept, and what is none of them."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from web.page import EACH_TIME, FOREVER, Page

SCRIPT = b"export const answer = 42; // " + b"a" * 5000


@pytest.fixture
def files(tmp_path: Path) -> Path:
    directory = tmp_path / "static"
    (directory / "assets").mkdir(parents=True)
    (directory / "index.html").write_bytes(b"<!doctype html>" + b"<p>page</p>" * 200)
    (directory / "assets" / "chart-B3kx9_Zq.js").write_bytes(SCRIPT)
    (directory / "small.js").write_bytes(b"1")
    (tmp_path / "secret.txt").write_text("secret")
    (directory / "link").symlink_to(tmp_path / "secret.txt")
    return directory


@pytest.fixture
async def client(files: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette()
    app.router.default = Page(files)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
        yield client


async def test_it_is_compressed_for_who_takes_that(client: httpx.AsyncClient) -> None:
    """The same bytes once unpacked; plain for who does not, and for what is too small to be worth it."""
    for accepts, encoding in (("gzip, br", "gzip"), ("identity", None), ("gzip;q=0", None), ("", None)):
        answer = await client.get("/assets/chart-B3kx9_Zq.js", headers={"accept-encoding": accepts})
        assert answer.headers.get("content-encoding") == encoding
        assert answer.content == SCRIPT
        assert answer.headers["vary"] == "accept-encoding"
        assert answer.headers["content-type"].startswith("text/javascript")
        assert (int(answer.headers["content-length"]) < 200) == (encoding == "gzip")
    assert "content-encoding" not in (await client.get("/small.js")).headers


async def test_what_the_build_compressed_is_sent_as_it_is(files: Path, client: httpx.AsyncClient) -> None:
    """`.br` before `.gz`, each to who takes it."""
    script = files / "assets" / "chart-B3kx9_Zq.js"
    (script.parent / f"{script.name}.br").write_bytes(b"brotli")
    (script.parent / f"{script.name}.gz").write_bytes(gzip.compress(b"from the build"))
    async with client.stream(
        "GET", "/assets/chart-B3kx9_Zq.js", headers={"accept-encoding": "gzip, br"}
    ) as raw:
        assert raw.headers["content-encoding"] == "br"
        assert b"".join([part async for part in raw.aiter_raw()]) == b"brotli"
    answer = await client.get("/assets/chart-B3kx9_Zq.js", headers={"accept-encoding": "gzip"})
    assert answer.content == b"from the build"


async def test_what_an_earlier_build_compressed_is_not_sent(files: Path, client: httpx.AsyncClient) -> None:
    """Older than its file is stale, but not under a name with a hash: it says what is in there."""
    for name, content in (("small.js", b"1"), ("assets/chart-B3kx9_Zq.js", b"from the build")):
        (files / f"{name}.gz").write_bytes(gzip.compress(b"from the build"))
        later = (files / f"{name}.gz").stat().st_mtime + 10
        os.utime(files / name, (later, later))
        assert (await client.get(f"/{name}", headers={"accept-encoding": "gzip"})).content == content


async def test_a_page_that_is_not_built_says_so(files: Path, client: httpx.AsyncClient) -> None:
    """503 for who asks for the page, with the command that makes it; 404 for its files as for any other. As
    soon as it is there, it is served."""
    index = (files / "index.html").read_bytes()
    (files / "index.html").unlink()
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "just setup" in answer.text
    assert (await client.get("/assets/gone-B3kx9_Zq.js")).status_code == 404
    (files / "index.html").write_bytes(index)
    assert (await client.get("/")).content == index


async def test_a_browser_that_has_it_is_not_sent_it_again(files: Path, client: httpx.AsyncClient) -> None:
    """304 for the same bytes in the same encoding; a changed file is sent anew without a restart."""
    first = await client.get("/", headers={"accept-encoding": "gzip"})
    tag = first.headers["etag"]
    same = await client.get("/", headers={"accept-encoding": "gzip", "if-none-match": f'"other", {tag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    plain = await client.get("/", headers={"accept-encoding": "identity", "if-none-match": tag})
    assert plain.status_code == 200
    (files / "index.html").write_bytes(b"<!doctype html>another")
    changed = await client.get("/", headers={"if-none-match": tag})
    assert (changed.status_code, changed.content) == (200, b"<!doctype html>another")


@pytest.mark.parametrize(
    ("path", "caching"),
    [("/", EACH_TIME), ("/index.html", EACH_TIME), ("/small.js", EACH_TIME), ("/assets/plain.js", EACH_TIME),
     ("/assets/chart-B3kx9_Zq.js", FOREVER), ("/chart-B3kx9_Zq.js", EACH_TIME)],
)  # fmt: skip
async def test_only_names_with_a_hash_are_kept_without_asking(
    files: Path, client: httpx.AsyncClient, path: str, caching: str
) -> None:
    """And only where the build puts them: a page that is kept for a year cannot be mended."""
    for name in ("assets/plain.js", "chart-B3kx9_Zq.js"):
        (files / name).write_bytes(b"1")
    assert (await client.get(path)).headers["cache-control"] == caching


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/assets", "/assets/", "/../secret.txt", "/%2e%2e/secret.txt",
     "/assets/%2e%2e/%2e%2e/secret.txt", "/link",
     "/%00", "//etc/hostname", "/index.html/", "/small.js/x"],
)  # fmt: skip
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    """Neither directories, nor what lies outside, however it is asked for, links included."""
    assert (await client.get(path)).status_code == 404


async def test_it_is_read_only(client: httpx.AsyncClient) -> None:
    """405 that says what is allowed; HEAD is answered as GET without a body."""
    answer = await client.post("/index.html")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    head = await client.head("/index.html")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0
