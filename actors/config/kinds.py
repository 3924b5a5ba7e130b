"""The kinds of values that a setting can have: how each is written, read and shown.

A kind's `parse` takes what stands in a variable (text) or in TOML (text, number, boolean, list) and
returns the value, or raises ValueError with a sentence that begins with "must".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from actors.config.secret import HIDDEN, Secret, StoreUrl

_SIZE_UNITS = {"": 1, "b": 1} | {
    f"{prefix}{end}": base**power
    for power, prefix in enumerate("kmgt", start=1)
    for end, base in (("b", 1000), ("ib", 1024))
}
_DURATION_UNITS = {
    "ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0,
}  # fmt: skip
DAY = 86400.0
_YES: tuple[str, ...] = ("true", "1", "yes", "on")
_NO: tuple[str, ...] = ("false", "0", "no", "off")


class Kind(msgspec.Struct, frozen=True):
    """A kind of value. `parse` reads it, `show` prints it, `allowed` says what may stand there."""

    parse: Callable[[object], Any]
    allowed: str
    show: Callable[[Any], str] = str
    secret: bool = False


def whole(low: int, high: int) -> Kind:
    """A whole number of `[low, high]`."""
    allowed = f"a whole number from {low} to {high}"

    def parse(raw: object) -> int:
        if isinstance(raw, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,20}\s*", raw):
            raw = int(raw)
        if not isinstance(raw, int) or isinstance(raw, bool) or not low <= raw <= high:
            raise ValueError(f"must be {allowed}")
        return raw

    return Kind(parse, allowed)


def number(low: float, high: float) -> Kind:
    """A finite number of `[low, high]`."""
    allowed = f"a number from {low:g} to {high:g}"

    def parse(raw: object) -> float:
        value = _plain_number(raw)
        if value is None or not low <= value <= high:
            raise ValueError(f"must be {allowed}")
        return value

    return Kind(parse, allowed, lambda value: f"{value:g}")


def boolean() -> Kind:
    """True or false, in the words that people use in variables."""
    words = {**dict.fromkeys(_YES, True), **dict.fromkeys(_NO, False)}
    allowed = "true or false (or 1, 0, yes, no, on, off)"

    def parse(raw: object) -> bool:
        if isinstance(raw, bool):
            return raw
        value = words.get(raw.strip().lower()) if isinstance(raw, str) else None
        if value is None:
            raise ValueError(f"must be {allowed}")
        return value

    return Kind(parse, allowed, lambda value: "true" if value else "false")


def choice(*options: str) -> Kind:
    """One of `options`."""
    allowed = f"{', '.join(options[:-1])} or {options[-1]}"

    def parse(raw: object) -> str:
        value = raw.strip().lower() if isinstance(raw, str) else None
        if value not in options:
            raise ValueError(f"must be {allowed}")
        return value

    return Kind(parse, allowed)


def size(low: int, high: int = 2**63 - 1) -> Kind:
    """Bytes: a whole number of `[low, high]`, or text such as 8MiB or 10 GB."""
    allowed = f"a size of at least {show_size(low)}" + (
        f" and at most {show_size(high)}" if high < 2**63 - 1 else ""
    )

    def parse(raw: object) -> int:
        value = raw
        if isinstance(raw, str) and (
            found := re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*", raw)
        ):
            unit = _SIZE_UNITS.get(found[2].lower())
            value = None if unit is None else round(Fraction(found[1]) * unit)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"must be {allowed}, as in 8MiB, 10GB or 65536")
        return value

    return Kind(parse, allowed, show_size)


def duration(low: float, high: float, unit: float = 1.0) -> Kind:
    """A time in units of `unit` seconds: a number of `[low, high]` of them, or text such as 500ms or 7d."""
    allowed = f"a time from {show_duration(low * unit)} to {show_duration(high * unit)}"

    def parse(raw: object) -> float:
        value = _plain_number(raw)
        if value is None and isinstance(raw, str):
            value = _duration(raw, unit)
        if value is None or not low <= value <= high:
            raise ValueError(f"must be {allowed}, as in 500ms, 30s or 7d")
        return value

    return Kind(parse, allowed, lambda value: show_duration(value * unit))


def text(allowed: str, pattern: str) -> Kind:
    """Text that matches `pattern`."""
    return Kind(lambda raw: _matching(raw, allowed, pattern), allowed)


def secret(allowed: str, pattern: str) -> Kind:
    """Text that matches `pattern` and is never shown."""
    return Kind(
        lambda raw: Secret(_matching(raw, allowed, pattern)),
        allowed,
        lambda value: "" if value is None else HIDDEN,
        secret=True,
    )


def http_url() -> Kind:
    """The address of a web service, without a slash at its end."""
    allowed = "an address such as https://PROJECT.supabase.co"

    def parse(raw: object) -> str:
        try:
            parts = urlsplit(raw.strip() if isinstance(raw, str) else "")
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
        except ValueError:
            sound = False
        if not sound:
            raise ValueError(f"must be {allowed}")
        return cast("str", raw).strip().rstrip("/")

    return Kind(parse, allowed, lambda value: value or "")


def names(allowed: str, pattern: str) -> Kind:
    """Texts that match `pattern`: a list, which may be empty, or one text with spaces or commas between."""

    def parse(raw: object) -> tuple[str, ...]:
        items = re.split(r"[\s,]+", raw.strip(" \t\r\n,")) if isinstance(raw, str) else raw
        if not isinstance(items, (list, tuple)):
            raise ValueError(f"must be {allowed}")
        return tuple(_matching(item, allowed, pattern) for item in cast("list[object]", items))

    return Kind(parse, allowed, lambda value: " ".join(value))


def stores() -> Kind:
    """Store addresses: a list, or text with spaces between them; no two alike."""

    def parse(raw: object) -> tuple[StoreUrl, ...]:
        items = raw.split() if isinstance(raw, str) else raw
        if not isinstance(items, (list, tuple)) or not items:
            raise ValueError(f"must be {StoreUrl.ALLOWED}")
        urls: list[StoreUrl] = []
        for item in cast("list[object]", items):
            if not isinstance(item, str):
                raise ValueError(f"must be a list of texts: {StoreUrl.ALLOWED}")
            url = StoreUrl(item.strip())
            if url in urls:
                raise ValueError(f"must not name a store twice: {url}")
            urls.append(url)
        return tuple(urls)

    return Kind(parse, StoreUrl.ALLOWED, lambda value: " ".join(map(str, value)), secret=True)


def show_size(value: int) -> str:
    """`value` bytes for a person, exact: 8 MiB, 10 GB, 12345 B."""
    for power, prefixes in ((4, "TT"), (3, "GG"), (2, "MM"), (1, "Kk")):
        for base, prefix, end in ((1024, prefixes[0], "iB"), (1000, prefixes[1], "B")):
            if value and value % base**power == 0:
                return f"{value // base**power} {prefix}{end}"
    return f"{value} B"


def show_duration(seconds: float) -> str:
    """`seconds` for a person: 500 ms, 30 s, 7 d."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:g} ms"
    if seconds >= DAY and seconds % DAY == 0:
        return f"{seconds / DAY:g} d"
    return f"{seconds:g} s"


def _plain_number(raw: object) -> float | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, str) and re.fullmatch(r"\s*[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?\s*", raw):
        raw = float(raw)
    return float(raw) if isinstance(raw, (int, float)) and math.isfinite(raw) else None


def _duration(raw: str, unit: float) -> float | None:
    """The time that text such as `1h 30m` says, in units of `unit` seconds; None if it says none."""
    part = r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)"
    if not re.fullmatch(rf"\s*(?:{part}\s*)+", raw):
        return None
    seconds = 0.0
    for amount, name in re.findall(part, raw):
        if name not in _DURATION_UNITS:
            return None
        seconds += float(amount) * _DURATION_UNITS[name]
    return seconds / unit


def _matching(raw: object, allowed: str, pattern: str) -> str:
    if not isinstance(raw, str) or not re.fullmatch(pattern, raw):
        raise ValueError(f"must be {allowed}")
    return raw
