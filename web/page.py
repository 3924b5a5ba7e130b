"""The page's files, as browsers want them: compressed, and kept for as long as they stay the same.

A file with `.br` or `.gz` beside it is sent as that to who takes it; any other is compressed once, when it
is first asked for, and kept in memory. A file that has changed on the disk is read again.

What lies in `assets/` under a name with a hash, as Vite builds it (`chart-B3kx9_Zq.js`), never changes: it
may be kept for a year. Everything else, `index.html` before all, is asked for each time, and answered 304
where it is the same.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

FOREVER = "private, max-age=31536000, immutable"
EACH_TIME = "no-cache"
MIN_COMPRESSED = 512
"""Bytes below which compressing is worth nothing."""
NOT_BUILT = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Forebay</title>
<h1>The page has not been built</h1>
<p>Run <code>just setup</code> in Forebay's folder, then load this page again; Forebay may go on running.</p>
<p>Everything else works: <a href="/api/status">/api/status</a> tells how Forebay is.</p>
</html>
"""
"""What `/` says where the files are missing."""

_HASHED = re.compile(r"assets/(.*/)?[^/]+-[A-Za-z0-9_-]{8,}(\.[a-z0-9]+)+")
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_COMPRESSED_ALREADY = frozenset({".ico", ".png", ".woff2"})
_BESIDE = (("br", ".br"), ("gzip", ".gz"))
"""Encodings and the ends of their files' names, the smaller first."""


class _Kept(NamedTuple):
    stamp: tuple[int, ...]
    bodies: dict[str, tuple[bytes, str]]
    """Body and ETag by encoding; "" is none."""


class Page:
    """ASGI application that serves the files of `directory`, and its `index.html` at `/`; where that has not
    been built, 503 with a page that says what to do.

    Raises HTTPException: 404 for what is not there, 405 for what is not GET or HEAD.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = os.path.realpath(directory)
        self._kept: dict[str, _Kept] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one file."""
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        if scope["path"] == "/" and not self._is_built():
            await HTMLResponse(NOT_BUILT, 503)(scope, receive, send)
            return
        path = self._find(scope["path"])
        kept = await self._load(path)
        headers = Headers(scope=scope)
        accepted = _accepted(headers.get("accept-encoding", ""))
        encoding = next((each for each in ("br", "gzip") if each in kept.bodies and each in accepted), "")
        body, tag = kept.bodies[encoding]
        answer = {"etag": tag, "vary": "accept-encoding", "cache-control": self._caching(path)}
        if tag in headers.get("if-none-match", ""):
            await Response(None, 304, answer)(scope, receive, send)
            return
        if encoding:
            answer["content-encoding"] = encoding
        kind = _KINDS.get(os.path.splitext(path)[1], "application/octet-stream")
        await Response(body, 200, {**answer, "content-type": kind})(scope, receive, send)

    def _is_built(self) -> bool:
        return os.path.isfile(os.path.join(self._directory, "index.html"))

    def _find(self, asked: str) -> str:
        """The file's path on the disk; it lies within the directory, whatever was asked."""
        relative = asked.lstrip("/") or "index.html"
        path = os.path.realpath(os.path.join(self._directory, relative)) if "\0" not in relative else ""
        inside = path.startswith(self._directory + os.sep)
        if not inside or relative.endswith("/") or not os.path.isfile(path):
            raise HTTPException(404)
        return path

    def _caching(self, path: str) -> str:
        relative = os.path.relpath(path, self._directory).replace(os.sep, "/")
        return FOREVER if _HASHED.fullmatch(relative) else EACH_TIME

    async def _load(self, path: str) -> _Kept:
        try:
            stamp = _stamp(path)
            kept = self._kept.get(path)
            if kept is None or kept.stamp != stamp:
                kept = _Kept(
                    stamp, await anyio.to_thread.run_sync(_bodies, path, self._caching(path) == FOREVER)
                )
                self._kept[path] = kept
        except OSError as error:  # it went away meanwhile
            raise HTTPException(404) from error
        return kept


def _stamp(path: str) -> tuple[int, ...]:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _bodies(path: str, hashed: bool) -> dict[str, tuple[bytes, str]]:
    plain = Path(path).read_bytes()
    bodies = {"": (plain, _tag(plain, ""))}
    for encoding, end in _BESIDE:
        beside = Path(path + end)
        # One that is older than its file is what an earlier build has left behind; but under a name with a
        # hash it cannot be, and installers of wheels write files in any order.
        if beside.is_file() and (hashed or beside.stat().st_mtime >= os.stat(path).st_mtime):
            bodies[encoding] = (beside.read_bytes(), _tag(plain, encoding))
    if (
        "gzip" not in bodies
        and len(plain) >= MIN_COMPRESSED
        and not path.endswith(tuple(_COMPRESSED_ALREADY))
    ):
        bodies["gzip"] = (gzip.compress(plain, 9, mtime=0), _tag(plain, "gzip"))
    return bodies


def _tag(plain: bytes, encoding: str) -> str:
    """A strong ETag: other bytes, other tag, the encoding included (RFC 9110, 8.8.3.3)."""
    end = f"-{encoding}" if encoding else ""
    return f'"{hashlib.sha256(plain).hexdigest()[:20]}{end}"'


def _accepted(header: str) -> frozenset[str]:
    """The encodings that an Accept-Encoding header takes, those with `q=0` left out."""
    found: set[str] = set()
    for part in header.lower().split(","):
        name, _, parameters = part.partition(";")
        weight = parameters.replace(" ", "").removeprefix("q=")
        if weight.strip("0.") or not parameters:
            found.add(name.strip())
    return frozenset(found)
