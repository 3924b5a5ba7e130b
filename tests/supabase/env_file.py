"""Writes variables into a file as `.env` is written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def write_env_file(path: Path, variables: Mapping[str, str]) -> None:
    """Set `variables` in the file at `path`, which only its owner may read; other lines stay as they are."""
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if line.removeprefix("export ").partition("=")[0].strip() not in variables]
    text = "\n".join([*kept, *(f"{name}={value}" for name, value in variables.items()), ""])
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as file:
        file.write(text)
    unfinished.replace(path)
