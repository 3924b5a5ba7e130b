"""Supabase's keys: JSON Web Tokens, signed with HS256 (RFC 7519), that name a database role."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import NamedTuple

ISSUED = 1_735_689_600
"""2025-01-01: fixed, so that the same secret gives the same keys."""
EXPIRES = 2_082_758_400
"""2036-01-01."""


class Keys(NamedTuple):
    """The secret of a project and the two keys that follow from it."""

    secret: str

    @property
    def anon(self) -> str:
        """The key that a browser may have."""
        return self.token("anon")

    @property
    def service_role(self) -> str:
        """The key that bypasses row-level security."""
        return self.token("service_role")

    def token(self, role: str, expires: int = EXPIRES) -> str:
        """A token by which PostgREST becomes `role` until `expires`, in seconds since the epoch."""
        claims = {"iss": "supabase", "ref": "local", "role": role, "iat": ISSUED, "exp": expires}
        signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        digest = hmac.digest(self.secret.encode(), signed.encode(), hashlib.sha256)
        return f"{signed}.{_encoded(digest)}"


def new_keys() -> Keys:
    """Keys that nobody has had before."""
    return Keys(secrets.token_urlsafe(40))


def _part(claims: dict[str, str | int]) -> str:
    return _encoded(json.dumps(claims, separators=(",", ":")).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
