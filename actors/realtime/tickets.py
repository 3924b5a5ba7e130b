"""Who may listen, and whether anybody does: short-lived tokens for the private channel."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable

import msgspec

from actors.config import SupabaseSettings
from web.ports import RealtimeTicket, RealtimeUnavailableError

LASTS = 600
"""Seconds for which a token is good."""

SECOND = 1_000_000_000


class Tickets:
    """See web.ports.Realtime. Each token names the role `authenticated`, which the policies of sql/supabase
    let listen to `forebay:…` and send nothing. `now` is nanoseconds since the epoch; `noticed` is called when
    somebody has got one."""

    def __init__(
        self,
        project: SupabaseSettings,
        topic: str,
        now: Callable[[], int],
        noticed: Callable[[], object] = lambda: None,
    ) -> None:
        self._project = project
        self._topic = topic
        self._now = now
        self._noticed = noticed
        self._last_expires = 0

    @property
    def held(self) -> bool:
        """Whether a token is out that is still good."""
        return self._now() < self._last_expires * SECOND

    def ticket(self, session: str) -> RealtimeTicket:
        """See web.ports.Realtime."""
        project = self._project
        values = (project.url, project.anon_key, project.jwt_secret)
        names = ("SUPABASE_URL", "SUPABASE_ANON_KEY", "SUPABASE_JWT_SECRET")
        url, anon_key, secret = values
        if url is None or anon_key is None or secret is None:
            missing = [name for name, value in zip(names, values, strict=True) if value is None]
            raise RealtimeUnavailableError(f"Realtime is not set up for pages: set {' and '.join(missing)}")
        issued = self._now() // SECOND
        expires = self._last_expires = issued + LASTS
        claims: dict[str, object] = {
            "iss": "forebay",
            "aud": "authenticated",
            "role": "authenticated",
            "iat": issued,
            "exp": expires,
            "session": session,
        }
        self._noticed()
        token = signed(claims, secret.reveal())
        return RealtimeTicket(url, anon_key.reveal(), self._topic, token, expires * SECOND)


def signed(claims: dict[str, object], secret: str) -> str:
    """`claims` as a JSON Web Token, signed with HS256 (RFC 7519)."""
    parts: tuple[dict[str, object], ...] = ({"alg": "HS256", "typ": "JWT"}, claims)
    text = ".".join(_encoded(msgspec.json.encode(part)) for part in parts)
    return f"{text}.{_encoded(hmac.digest(secret.encode(), text.encode(), hashlib.sha256))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
