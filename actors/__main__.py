"""The `forebay` command: `python -m actors`."""

from __future__ import annotations

import sys

from actors.cli.shell import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
