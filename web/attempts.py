"""How often a wrong token may be tried: so often in a minute from one address, and so often from all."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

WINDOW = 60.0
"""Seconds in which wrong attempts are counted together."""
OF_ONE = 10
"""Wrong attempts from one address in a window."""
OF_ALL = 200
"""Wrong attempts from everywhere in a window. Who is logged in already is not concerned."""
MAX_ADDRESSES = 4096
"""Addresses that are remembered; beyond it the oldest is forgotten, and only OF_ALL holds it."""


class Attempts:
    """Counts wrong attempts. `now` is seconds, by whatever clock."""

    def __init__(self) -> None:
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._all = (0.0, 0)

    def wait(self, address: str, now: float) -> float:
        """Seconds until somebody at `address` may try again; 0: at once. A right token waits too: else who
        guesses would be told which one it is."""
        own = _wait(self._windows.get(_network(address), (0.0, 0)), OF_ONE, now)
        return max(own, _wait(self._all, OF_ALL, now))

    def failed(self, address: str, now: float) -> None:
        """A wrong token came from `address`."""
        network = _network(address)
        self._windows[network] = _one_more(self._windows.get(network, (0.0, 0)), now)
        self._all = _one_more(self._all, now)
        if len(self._windows) > MAX_ADDRESSES:
            self._windows.popitem(last=False)

    def __len__(self) -> int:
        return len(self._windows)


def _wait(window: tuple[float, int], most: int, now: float) -> float:
    begin, count = window
    return begin + WINDOW - now if count >= most and begin <= now < begin + WINDOW else 0.0


def _one_more(window: tuple[float, int], now: float) -> tuple[float, int]:
    begin, count = window
    return (begin, count + 1) if begin <= now < begin + WINDOW else (now, 1)


def _network(address: str) -> str:
    """What one person has: an IPv4 address, or a /64 of IPv6 (RFC 6177)."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address
