"""The edge of the configuration: environment, `.env`, `forebay.toml`."""

from __future__ import annotations

import io
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, cast

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from actors.config.keys import BY_NAME, SECTIONS
from actors.config.loading import Loaded, Raw, Sources, load
from actors.config.problems import Problem

TOML_NAME = "forebay.toml"
DOTENV_NAME = ".env"


def load_settings(flags: Mapping[str, Any] | None = None, config_path: str | None = None) -> Loaded:
    """The settings in force here: `flags` by key name, this process's environment, and the files of the
    working directory, or the file at `config_path` in place of `forebay.toml`.

    Raises ConfigurationError with every problem there is.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    loaded = load(read(given, dict(os.environ), config_path))
    return Loaded(loaded.settings, loaded.origins, loaded.warnings, given, config_path)


def reload(loaded: Loaded) -> Loaded:
    """The settings as they would be if the process started now with the same flags.

    Raises ConfigurationError: keep the old ones then.
    """
    return load_settings(loaded.flags, loaded.config_path)


def read(flags: Mapping[str, Any], environment: Mapping[str, str], config_path: str | None = None) -> Sources:
    """What stands in the given flags and variables and in the files. Raises nothing: see `problems`."""
    problems: list[Problem] = []
    toml_path = config_path or TOML_NAME
    return Sources(
        flags={name: Raw(value, f"flag {BY_NAME[name].flag}") for name, value in flags.items()},
        environment={name: Raw(value, f"environment variable {name}") for name, value in environment.items()},
        dotenv=parse_dotenv(_text(DOTENV_NAME, False, problems), DOTENV_NAME, problems),
        toml=parse_toml(_text(toml_path, config_path is not None, problems), toml_path, problems),
        problems=tuple(problems),
    )


def parse_dotenv(text: str, path: str, problems: list[Problem]) -> dict[str, Raw]:
    """The variables of a `.env` file, each with its line; `${NAME}` is filled in as python-dotenv does."""
    if not text:
        return {}
    lines: dict[str, int] = {}
    for binding in parse_stream(io.StringIO(text)):
        said = binding.original.string
        line = binding.original.line + said[: len(said) - len(said.lstrip())].count("\n")
        if binding.error:
            problems.append(Problem(path, f"{path} line {line}", "must be NAME=VALUE"))
        elif binding.key is not None:
            lines[binding.key] = line
    if any(problem.key == path for problem in problems):
        return {}
    values = dotenv_values(stream=io.StringIO(text))
    return {name: Raw(value, f"{path} line {lines.get(name, 1)}: {name}") for name, value in values.items()}


def parse_toml(text: str, path: str, problems: list[Problem]) -> dict[str, Raw]:
    """The settings of a TOML file by key name, each with its line where it can be told."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(path, path, f"must be TOML: {error}"))
        return {}
    lines = _toml_lines(text)

    def where(name: str) -> str:
        return f"{path} line {lines[name]}" if name in lines else path

    return {name: Raw(value, where(name)) for name, value in _flatten(tree)}


def _flatten(tree: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if name in SECTIONS and isinstance(value, dict):
            for inner, leaf in cast("dict[str, Any]", value).items():
                yield f"{name}.{inner}", leaf
        else:
            yield name, value


def _toml_lines(text: str) -> dict[str, int]:
    """Where each key stands. A guess by lines, since tomllib tells none: it is only ever shown."""
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w.\"-]+)\s*\]", line):
            lines.setdefault(header[1], number)
            table = f"{header[1]}."
        elif key := re.match(r"\s*([\w.\"-]+)\s*=", line):
            lines.setdefault(table + key[1].replace('"', ""), number)
    return lines


def _text(path: str, required: bool, problems: list[Problem]) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except FileNotFoundError:
        if required:
            problems.append(Problem(path, path, "no such file; --config must name one, or leave it out"))
    except OSError as error:
        problems.append(Problem(path, path, f"cannot be read: {error.strerror}"))
    except UnicodeDecodeError as error:
        problems.append(Problem(path, path, f"must be UTF-8: byte {error.start} is not"))
    return ""
