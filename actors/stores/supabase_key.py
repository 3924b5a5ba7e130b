"""What can be told of a Supabase key by looking at it: never its value. Pure.

A key is a JSON Web Token that names a database role (anon, service_role), or of the newer kind, which begins
with sb_publishable_ or sb_secret_. Source: https://supabase.com/docs/guides/api/api-keys.
"""

from __future__ import annotations

import base64
import binascii
import re

import msgspec

from actors.stores.base import DeniedError

_TEXT = re.compile(r"[!-~]+")


class _Claims(msgspec.Struct, frozen=True):
    role: str = ""


class WrongKeyError(DeniedError):
    """The key is not one that may write."""

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(
            store,
            f"SUPABASE_SERVICE_ROLE_KEY {reason}: put the service_role key or a secret key there, as the "
            "project's dashboard shows it under API keys",
        )


def check_key(store: str, key: str) -> None:
    """Raise WrongKeyError if `key` cannot be that of the service role."""
    if not key:
        raise WrongKeyError(store, "is empty")
    if not _TEXT.fullmatch(key):
        # Sent all the same, it would come back in the message of an error.
        raise WrongKeyError(store, "has a character that no key has, a space or a line's end perhaps")
    if key.startswith("sb_publishable_"):
        raise WrongKeyError(store, "is a publishable key, which every browser may have")
    if (role := role_of(key)) in ("anon", "authenticated"):
        raise WrongKeyError(store, f"is the key of the role {role}, which may not write")


def role_of(key: str) -> str:
    """The role that `key` names if it is a JSON Web Token; "" where it tells nothing."""
    parts = key.split(".")
    if len(parts) != 3:
        return ""
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Claims).role
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return ""
