"""Values that no output ever shows."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

HIDDEN = "***"

_HOST = re.compile(r"(?:\[[^\[\]]+\]|[^\[\]:]+)(?::(?P<port>[0-9]{1,5}))?")
_ESCAPE = "escape / ? # @ in the password (%2F %3F %23 %40), and brackets and blanks"


class Secret:
    """A value that prints as `***` everywhere; only `reveal` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself: to be sent where it is asked for, never to be printed."""
        return self._value

    def __str__(self) -> str:
        return HIDDEN

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and type(other) is type(self) and other._value == self._value

    def __hash__(self) -> int:
        return hash((type(self), self._value))


def _beginning(value: str) -> str:
    """So much of `value` as cannot be a password: its first word, before the colon where there is a login."""
    found = re.match(r"[A-Za-z0-9+.-]{1,20}" + ("(?=://)" if "@" in value else ""), value)
    return found[0] if found else ""


class StoreUrl(Secret):
    """Where a store is: `sqlite:///PATH`, `sqlite:` (in the data directory), `supabase:`, `postgresql://…`,
    `memory:`. Prints without its password.

    Raises ValueError, saying what is wrong and never the value, for anything else. Paths are as in
    SQLAlchemy: three slashes begin a relative path, four an absolute one.
    """

    __slots__ = ()

    SCHEMES = ("sqlite", "supabase", "postgresql", "memory")
    ALLOWED = "sqlite:///PATH, supabase: or postgresql://USER@HOST/DATABASE"

    def __init__(self, value: str) -> None:
        super().__init__(value)
        scheme, colon, rest = value.partition(":")
        if not colon or scheme not in self.SCHEMES:
            raise ValueError(f"must be {self.ALLOWED}; it begins with {_beginning(value)!r}")
        if scheme == "sqlite" and rest and (not rest.startswith("///") or rest == "///"):
            raise ValueError("must name a file: sqlite:///relative/path or sqlite:////absolute/path")
        if scheme in ("supabase", "memory") and rest:
            raise ValueError(f"must be {scheme}: with nothing behind it")
        if scheme == "postgresql":
            self._require_address(rest)

    @property
    def label(self) -> str:
        """As it prints, where a colon follows: `supabase:` has one of its own."""
        return str(self).removesuffix(":")

    @staticmethod
    def _require_address(address: str) -> None:
        """Refuse what libpq, asyncpg and we might cut at different places: a part of a password would then
        pass for a host, a port or a database, and these are shown."""
        found = re.match("//([^/?#]+)", address)
        if found is None:
            raise ValueError("must name a host: postgresql://USER@HOST/DATABASE")
        netloc, rest = found[1], address[found.end() :]
        try:
            urlsplit(address)
        except ValueError:
            # It tells a part of what it cannot read.
            raise ValueError(f"cannot be read: {_ESCAPE}") from None
        login, _, hosts = netloc.rpartition("@")
        if re.search(r"[@\[\]\s\x00-\x1f]", login) or re.search(r"[@#\s\x00-\x1f]", hosts + rest):
            raise ValueError(f"has characters where they cannot be: {_ESCAPE}")
        ports = [value for name, value in parse_qsl(rest.partition("?")[2]) if name == "port"]
        for one in hosts.split(","):
            host = _HOST.fullmatch(one)
            if host is None:
                raise ValueError(f"has no host where one must be, or a port that is no number: {_ESCAPE}")
            ports.append(host["port"] or "0")
        if not all(
            re.fullmatch("[0-9]{1,5}", port) and int(port) <= 65_535 for port in ",".join(ports).split(",")
        ):
            raise ValueError(f"has a port that is no number from 0 to 65535: {_ESCAPE}")

    @classmethod
    def for_data(cls, data: str) -> StoreUrl:
        """The embedded store of the data directory `data`."""
        return cls(f"sqlite:///{data.rstrip('/')}/forebay.db")

    @property
    def scheme(self) -> str:
        """What kind of store it is: one of SCHEMES."""
        return self._value.partition(":")[0]

    def __str__(self) -> str:
        before, at, after = self._value.rpartition("@")
        if at:
            head, slashes, login = before.partition("://")
            user, colon, _ = login.partition(":")
            before = f"{head}{slashes}{user}{colon}{HIDDEN if colon else ''}"
        return re.sub(r"(?i)([?&][^=&]*password=)[^&]*", rf"\1{HIDDEN}", f"{before}{at}{after}")
