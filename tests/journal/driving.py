"""The journal tool in this process: what it prints and which exit code it leaves with."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from tempfile import TemporaryFile
from typing import NamedTuple

from journal.cli.shell import main


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: bytes
    err: str


def tool(*arguments: str) -> Done:
    """Run `forebay journal` with `arguments`."""
    err = io.StringIO()
    with (
        TemporaryFile() as file,
        io.TextIOWrapper(file, encoding="utf-8") as out,
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = main(arguments, "forebay journal")
        out.flush()
        file.seek(0)
        return Done(code, file.read(), err.getvalue())
