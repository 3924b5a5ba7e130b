"""`forebay journal …`, also `python -m journal …`."""

from __future__ import annotations

import sys


def main(argv: list[str], prog: str = "python -m journal") -> int:
    """Run the journal tool's command line `argv` and return its exit code; see journal/cli/shell.py."""
    from journal.cli.shell import main as run

    return run(argv, prog)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
