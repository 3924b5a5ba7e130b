"""By which names a server may be called.

A page may give its own name the address 127.0.0.1 after it was loaded (DNS rebinding), and its browser then
takes this server for that page's own. What the browser cannot do is lie about the name: it stands in Host.
Addresses are no names: nobody can give a page the address of somebody else's machine as its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

ALWAYS = ("localhost",)
MAX_REMEMBERED = 256
"""Spellings of Host, as they came, that are not taken apart again."""


class Hosts:
    """Serves who calls the server by a loopback address, by `localhost`, or by one of `names`, with any port;
    None: whoever calls it anything."""

    def __init__(self, names: Iterable[str] | None) -> None:
        self._names = None if names is None else frozenset(map(_plain, (*ALWAYS, *names)))
        self._served: set[bytes] = set()

    def serves(self, host: bytes | None) -> bool:
        """Whether a request with this Host header is answered. Browsers always send one: where there is none
        (HTTP/1.0), no page has sent it."""
        if self._names is None or host is None or host in self._served:
            return True
        name = name_of(host.decode("latin-1"))
        if name not in self._names and not _is_loopback(name):
            return False
        if len(self._served) < MAX_REMEMBERED:
            self._served.add(host)
        return True


def name_of(host: str) -> str:
    """The name or address in a Host header: without port, brackets, a dot at the end, and in lower case."""
    host = host.strip()
    if host.startswith("["):
        return _plain(host.partition("]")[0])
    name, colon, port = host.rpartition(":")
    return _plain(name if colon and port.isdigit() else host)


def unserved(host: str) -> str:
    """What is said to somebody who called the server by a name that is not its own."""
    return (
        f"this server does not go by the name {name_of(host)[:100]!r}: call it localhost or 127.0.0.1, "
        "or add the name to FOREBAY_ALLOWED_HOSTS"
    )


def _plain(name: str) -> str:
    return name.strip("[] ").rstrip(".").lower()


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name.endswith(".localhost")
