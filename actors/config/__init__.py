"""Settings from flags > environment > `.env` > `forebay.toml` > defaults.

settings  what can be set, with its default
keys      every setting by name: kind, variable, flag, help
kinds     how a size, a duration, a switch … is written, read and shown
secret    values that no output ever shows
problems  what can be wrong, told so that it can be mended
loading   PURE  what was found -> Settings, or every problem at once
reading   EDGE  environment and files
"""

from actors.config.loading import Effective, Loaded, Origin, Raw, Sources, is_loopback, load
from actors.config.problems import ConfigurationError, Problem
from actors.config.reading import load_settings, read, reload
from actors.config.secret import Secret, StoreUrl
from actors.config.settings import PersisterSettings, ResilienceSettings, Settings, SupabaseSettings

__all__ = [
    "ConfigurationError",
    "Effective",
    "Loaded",
    "Origin",
    "PersisterSettings",
    "Problem",
    "Raw",
    "ResilienceSettings",
    "Secret",
    "Settings",
    "Sources",
    "StoreUrl",
    "SupabaseSettings",
    "is_loopback",
    "load",
    "load_settings",
    "read",
    "reload",
]
