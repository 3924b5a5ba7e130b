from __future__ import annotations

import base64

import pytest

from actors.stores.supabase_key import WrongKeyError, check_key, role_of
from tests.supabase.keys import new_keys


@pytest.mark.parametrize(
    "key",
    [
        new_keys().service_role,
        new_keys().token("forebay_writer"),
        "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz",
        "opaque",
        "not.base64!.jwt",
        "e30.W10.e30",
    ],
    ids=["service-role", "role-of-ones-own", "secret", "opaque", "not-base64", "no-claims"],
)
def test_a_key_that_may_write_passes(key: str) -> None:
    """The service role's key, a role of the user's own, a secret key of the newer kind, and what tells
    nothing of itself: the server will say."""
    check_key("supabase", key)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (new_keys().anon, "the role anon"),
        (new_keys().token("authenticated"), "the role authenticated"),
        ("sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH", "publishable"),
        ("", "is empty"),
        (new_keys().service_role + "\n", "line's end"),
        ("two words", "space"),
        ("schlüssel", "character"),
    ],
    ids=["anon", "authenticated", "publishable", "empty", "line-end", "space", "not-ascii"],
)
def test_a_key_that_cannot_write_is_refused(key: str, said: str) -> None:
    """The error names the variable and what is wrong, and never shows the key."""
    with pytest.raises(WrongKeyError, match=said) as raised:
        check_key("supabase", key)
    assert "SUPABASE_SERVICE_ROLE_KEY" in str(raised.value)
    assert not key or key.strip() not in str(raised.value)


def test_a_role_is_read_whatever_the_padding() -> None:
    """Tokens drop the padding of base64, and any length of claims must do."""
    for filler in range(8):
        claims = base64.urlsafe_b64encode(b'{"role":"anon","f":"%s"}' % (b"x" * filler)).rstrip(b"=").decode()
        assert role_of(f"e30.{claims}.sig") == "anon"
