"""Who may come in: the token as a bearer, or a cookie derived from it; and which pages may send browsers.

Everything is compared in constant time. The cookie is `<expiry>.<HMAC-SHA-256(token, expiry)>`: it does
not give the token away, needs no memory, and survives a restart.
"""

from __future__ import annotations

import hashlib
import hmac

COOKIE = "forebay_session"
MARK = "forebay_logged_in"
"""A cookie that tells the page no more than that there is a login to end: it may not read the other one."""
LIFETIME = 30 * 24 * 3600
"""Seconds that a login lasts."""


class Gate:
    """Decides by credentials alone. Without a token everybody may come in."""

    def __init__(self, token: str | None) -> None:
        self.is_open = token is None
        secret = (token or "").encode()
        self._bearer = b"Bearer " + secret
        self._secret = secret
        self._key = hashlib.sha256(b"forebay session\0" + secret).digest()

    def admits_token(self, token: str) -> bool:
        """Whether `token` is the one."""
        return not self.is_open and hmac.compare_digest(token.encode(), self._secret)

    def admits_bearer(self, authorization: bytes) -> bool:
        """Whether an Authorization header is `Bearer` and the token."""
        if authorization[:7].lower() == b"bearer ":
            authorization = b"Bearer " + authorization[7:].strip()
        return hmac.compare_digest(authorization, self._bearer)

    def admits_cookie(self, cookies: bytes, now: float) -> bool:
        """Whether a Cookie header holds a session that this token made and that has not expired."""
        for cookie in cookies.split(b";"):
            name, _, value = cookie.strip().partition(b"=")
            if name == COOKIE.encode():
                expiry, _, _ = value.partition(b".")
                if expiry.isdigit() and len(expiry) < 16 and int(expiry) > now:
                    return hmac.compare_digest(value, self._session(expiry))
        return False

    def session(self, now: float) -> str:
        """The value of a cookie that is admitted for LIFETIME from `now`, seconds since the epoch."""
        return self._session(str(int(now) + LIFETIME).encode()).decode()

    def _session(self, expiry: bytes) -> bytes:
        return expiry + b"." + hmac.new(self._key, expiry, hashlib.sha256).hexdigest().encode()


def is_same_origin(origin: bytes, host: bytes) -> bool:
    """Whether a page from `origin` was served by `host`: scheme aside, since a proxy may end TLS."""
    _, _, authority = origin.rpartition(b"//")
    return bool(authority) and authority.lower() == host.lower()


def is_cross_site(origin: bytes | None, host: bytes, *, by_cookie: bool) -> bool:
    """Whether a request that changes something comes from somebody else's page.

    Browsers always send Origin with such a request, so one that brings a cookie and no Origin is
    refused too; programs bring the token and no Origin.
    """
    if origin is None:
        return by_cookie
    return not is_same_origin(origin, host)
