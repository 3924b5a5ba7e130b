"""The journal tool in this process: what it prints and which exit code it leaves with."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

from journal.cli.shell import main


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: bytes
    err: str


def tool(*arguments: str) -> Done:
    """Run `forebay journal` with `arguments`."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    err = io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        assert sys.stdout is out
        code = main(arguments, "forebay journal")
        out.flush()
    assert isinstance(out.buffer, io.BytesIO)
    return Done(code, out.buffer.getvalue(), err.getvalue())
