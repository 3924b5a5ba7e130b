"""From what stands in flags, variables and files to Settings. Pure: `reading` brings what stands there.

Flags come before the environment, that before `.env`, that before `forebay.toml`, that before the
defaults. A variable that is set to nothing counts as not set, as Compose files leave it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Literal, TypeAlias

import msgspec

from actors.config.keys import BY_NAME, BY_VARIABLE, KEYS, SECTIONS, Key
from actors.config.kinds import Kind
from actors.config.problems import ConfigurationError, Problem, did_you_mean
from actors.config.secret import StoreUrl
from actors.config.settings import PersisterSettings, ResilienceSettings, Settings, SupabaseSettings

Layer: TypeAlias = Literal["flag", "environment", ".env", "forebay.toml", "default"]

# What Kubernetes sets in every pod of a namespace that has a Service named forebay.
_KUBERNETES = re.compile(r"FOREBAY_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)")


class Raw(msgspec.Struct, frozen=True):
    """A value as it was found, and where: `forebay.toml line 3`, `environment variable FOREBAY_PORT`."""

    value: Any
    where: str


class Sources(msgspec.Struct, frozen=True):
    """All that was found. Flags and TOML are by key name, variables by their own name."""

    flags: Mapping[str, Raw] = {}
    environment: Mapping[str, Raw] = {}
    dotenv: Mapping[str, Raw] = {}
    toml: Mapping[str, Raw] = {}
    problems: tuple[Problem, ...] = ()
    """What could not even be read."""


class Origin(msgspec.Struct, frozen=True):
    """Where a value came from."""

    layer: Layer
    where: str


class Effective(msgspec.Struct, frozen=True):
    """A setting as it is in force. `shown` is for people, `value` for programs; secrets are `***` in both."""

    key: str
    variable: str
    value: Any
    shown: str
    source: Layer
    where: str


class Loaded(msgspec.Struct, frozen=True):
    """Settings that can be used, where each came from, and what deserves a warning."""

    settings: Settings
    origins: dict[str, Origin]
    warnings: tuple[str, ...] = ()
    flags: dict[str, Any] = {}
    config_path: str | None = None

    def effective(self) -> list[Effective]:
        """Every setting, in the order of the documentation."""
        rows: list[Effective] = []
        for key in KEYS:
            value, origin = _get(self.settings, key.name), self.origins[key.name]
            shown = key.kind.show(value)
            plain = _plain(value, shown, key.kind)
            rows.append(Effective(key.name, key.variable, plain, shown, origin.layer, origin.where))
        return rows


def load(sources: Sources) -> Loaded:
    """The settings that `sources` make. Raises ConfigurationError with every problem there is."""
    problems, warnings = list(sources.problems), list[str]()
    layers: list[tuple[Layer, Mapping[str, Raw]]] = [
        ("flag", sources.flags),
        ("environment", _by_key(sources.environment, problems, warnings)),
        (".env", _by_key(sources.dotenv, problems, warnings)),
        ("forebay.toml", _known(sources.toml, problems)),
    ]
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for key in KEYS:
        for layer, found in layers:
            if (raw := found.get(key.name)) is None:
                continue
            # What is bad is told even where a better source hides it: it is a trap for the next start.
            value = _parse(key, raw, problems)
            if key.name not in origins:
                values[key.name], origins[key.name] = value, Origin(layer, raw.where)
        origins.setdefault(key.name, Origin("default", "default"))
    bad = {problem.key for problem in problems}
    settings = _build({name: value for name, value in values.items() if name not in bad})
    problems += _broken_rules(settings, origins, bad)
    if problems:
        raise ConfigurationError(problems)
    return Loaded(settings, origins, tuple(warnings))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _by_key(found: Mapping[str, Raw], problems: list[Problem], warnings: list[str]) -> dict[str, Raw]:
    """Variables under the names of their keys; those that look like ours and are not are told."""
    known: dict[str, Raw] = {}
    for name, raw in found.items():
        if name == "FOREBAY_PORT" and str(raw.value).startswith("tcp://"):
            warnings.append(f"{raw.where}: ignored: Kubernetes sets it for a Service named forebay")
        elif key := BY_VARIABLE.get(name):
            if isinstance(raw.value, str) and raw.value.strip():
                known[key.name] = raw
        elif name.startswith("FOREBAY_") and not _KUBERNETES.fullmatch(name):
            reason = f"no such setting{did_you_mean(name, BY_VARIABLE)}"
            problems.append(Problem(name, raw.where, reason))
        elif name.startswith(("METRICS_PERSISTER_", "RESILIENCE_")):
            # These prefixes are not ours alone: another program may well own the variable.
            warnings.append(
                f"{raw.where}: not a setting of Forebay, ignored{did_you_mean(name, BY_VARIABLE)}"
            )
    return known


def _known(found: Mapping[str, Raw], problems: list[Problem]) -> dict[str, Raw]:
    for name, raw in found.items():
        if name not in BY_NAME:
            reason = f"{name}: no such setting{did_you_mean(name, (*BY_NAME, *SECTIONS))}"
            problems.append(Problem(name, raw.where, reason))
    return {name: raw for name, raw in found.items() if name in BY_NAME}


def _parse(key: Key, raw: Raw, problems: list[Problem]) -> Any:
    try:
        return key.kind.parse(raw.value)
    except ValueError as error:
        said = "" if key.kind.secret else f" = {raw.value!r}"
        reason = f"{key.name}{said}: {error}"
        problems.append(Problem(key.name, raw.where, reason))
        return None


def _build(values: Mapping[str, Any]) -> Settings:
    def table(section: str) -> dict[str, Any]:
        return {
            name.partition(".")[2]: value for name, value in values.items() if name.startswith(f"{section}.")
        }

    own: dict[str, Any] = {name: value for name, value in values.items() if "." not in name}
    own.setdefault("store", (StoreUrl.for_data(own.get("data", Settings().data)),))
    return Settings(
        **own,
        metrics_persister=PersisterSettings(**table("metrics_persister")),
        resilience=ResilienceSettings(**table("resilience")),
        supabase=SupabaseSettings(**table("supabase")),
    )


def _broken_rules(settings: Settings, origins: Mapping[str, Origin], bad: set[str]) -> list[Problem]:
    """What is wrong between settings that are right by themselves."""
    rules: Sequence[tuple[Callable[[Settings], str | None], Sequence[str]]] = (
        (_open_to_all, ("host", "token")),
        (_body_above_room, ("max_in_flight", "max_body")),
        (_supabase_without_key, ("store", "supabase.url", "supabase.service_role_key")),
        (_realtime_without_key, ("realtime", "supabase.url", "supabase.service_role_key")),
    )
    problems: list[Problem] = []
    for rule, names in rules:
        if not bad.intersection(names) and (reason := rule(settings)):
            problems.append(Problem(names[0], origins[names[0]].where, reason))
    return problems


def _open_to_all(settings: Settings) -> str | None:
    if settings.token is not None or is_loopback(settings.host):
        return None
    return (
        f"host = {settings.host!r} can be reached from other machines and no token is set: "
        "set FOREBAY_TOKEN to a long random text, or listen on 127.0.0.1"
    )


def _body_above_room(settings: Settings) -> str | None:
    if settings.max_body <= settings.max_in_flight:
        return None
    return f"max_in_flight = {settings.max_in_flight}: must be at least max_body ({settings.max_body})"


def _realtime_without_key(settings: Settings) -> str | None:
    project = settings.supabase
    if settings.realtime != "on" or (project.url and project.service_role_key):
        return None
    return "realtime = on: needs SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY"


def _supabase_without_key(settings: Settings) -> str | None:
    if all(url.scheme != "supabase" for url in settings.store):
        return None
    needed = {
        "SUPABASE_URL": settings.supabase.url,
        "SUPABASE_SERVICE_ROLE_KEY": settings.supabase.service_role_key,
    }
    missing = [name for name, value in needed.items() if value is None]
    return f"store = supabase: needs {' and '.join(missing)}" if missing else None


def _get(settings: Settings, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _plain(value: Any, shown: str, kind: Kind) -> Any:
    if isinstance(value, tuple):
        return [str(item) for item in value]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return (shown or None) if kind.secret else value
