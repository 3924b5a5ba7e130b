"""JSON Web Tokens as Realtime reads them: signed with HS256, with a role and an end."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import msgspec


class Claims(msgspec.Struct, frozen=True):
    """What a valid token says; `expires` is seconds since the epoch."""

    role: str
    expires: float
    all: dict[str, Any] = {}


class TokenRefusedError(Exception):
    """A token is not taken: `code` as in the answer to a join, `text` as everywhere."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class TokenExpiredError(TokenRefusedError):
    """A token has had its time, which was over `ago` seconds ago."""

    def __init__(self, ago: float) -> None:
        super().__init__("InvalidJWTToken", f"Token has expired {int(ago)} seconds ago")


class SignatureError(TokenRefusedError):
    """Somebody else has signed."""

    def __init__(self) -> None:
        super().__init__("JwtSignatureError", "Failed to validate JWT signature")


def read_token(token: str, secret: str, now: float) -> Claims:
    """The claims of `token`. Raises TokenRefusedError."""
    try:
        signed, _, signature = token.rpartition(".")
        head, claims = (msgspec.json.decode(_decoded(part)) for part in signed.split("."))
        given = _decoded(signature)
    except (ValueError, binascii.Error) as error:
        raise _malformed() from error
    if not isinstance(head, dict) or not isinstance(claims, dict):
        raise _malformed()
    if head.get("alg") != "HS256":
        raise SignatureError
    if not hmac.compare_digest(given, hmac.digest(secret.encode(), signed.encode(), hashlib.sha256)):
        raise SignatureError
    role, expires = claims.get("role"), claims.get("exp")
    if not isinstance(role, str) or not isinstance(expires, int | float):
        raise TokenRefusedError("InvalidJWTToken", "Fields `role` and `exp` are required in JWT")
    if expires <= now:
        raise TokenExpiredError(now - expires)
    return Claims(role, expires, claims)


def sign(claims: dict[str, Any], secret: str) -> str:
    """A token that says `claims`, whatever they are."""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    signed = ".".join(_encoded(msgspec.json.encode(part)) for part in parts)
    return f"{signed}.{_encoded(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


def _malformed() -> TokenRefusedError:
    return TokenRefusedError("MalformedJWT", "The token provided is not a valid JWT")


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
