"""Supabase's keys: JSON Web Tokens, signed with HS256 (RFC 7519), that name a database role."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import NamedTuple

ISSUED = 1_735_689_600
"""2025-01-01: fixed, so that the same secret gives the same keys."""
EXPIRES = 2_082_758_400
"""2036-01-01."""


class Keys(NamedTuple):
    """The secret of a project, and what follows from it."""

    secret: str

    @property
    def anon(self) -> str:
        """The key that a browser may have."""
        return self.token("anon")

    @property
    def service_role(self) -> str:
        """The key that bypasses row-level security."""
        return self.token("service_role")

    @property
    def database_password(self) -> str:
        """The password of every database user."""
        return _encoded(hmac.digest(self.secret.encode(), b"database", hashlib.sha256))

    def token(self, role: str, expires: int = EXPIRES) -> str:
        """A token by which PostgREST becomes `role` until `expires`, in seconds since the epoch."""
        claims = {"iss": "supabase", "ref": "local", "role": role, "iat": ISSUED, "exp": expires}
        signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        digest = hmac.digest(self.secret.encode(), signed.encode(), hashlib.sha256)
        return f"{signed}.{_encoded(digest)}"


def new_keys() -> Keys:
    """Keys that nobody has had before."""
    return Keys(secrets.token_urlsafe(40))


def kept_keys(path: Path) -> Keys:
    """The keys whose secret is in the file at `path`: new ones, kept there from now on, if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return Keys(path.read_text().strip())
    keys = new_keys()
    with open(descriptor, "w") as file:
        file.write(keys.secret + "\n")
    return keys


def _part(claims: dict[str, str | int]) -> str:
    return _encoded(json.dumps(claims, separators=(",", ":")).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
