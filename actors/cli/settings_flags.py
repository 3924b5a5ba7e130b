"""The flags that set settings, and the settings that come of them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Collection

from actors.config import Loaded, load_settings
from actors.config.keys import KEYS


def add_settings(parser: ArgumentParser, only: Collection[str] | None = None) -> None:
    """Give `parser` --config and a flag for each setting that has one, or for those of `only`."""
    group = parser.add_argument_group("settings", "Flags > environment > .env > forebay.toml > defaults.")
    group.add_argument("--config", metavar="PATH", help="read this file in place of forebay.toml")
    for key in KEYS:
        if key.flag is None or (only is not None and key.name not in only):
            continue
        group.add_argument(
            key.flag,
            dest=f"setting_{key.name}",
            metavar=key.metavar,
            action="append" if key.name == "store" else "store",
            help=key.help.replace("%", "%%"),
        )


def settings_from(args: Namespace) -> Loaded:
    """The settings in force for a command that was called with `args`. Raises ConfigurationError."""
    given = vars(args)
    flags = {
        key.name: given[f"setting_{key.name}"] for key in KEYS if given.get(f"setting_{key.name}") is not None
    }
    return load_settings(flags, args.config)
