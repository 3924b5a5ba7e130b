from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.auth import COOKIE, LIFETIME, Gate, is_cross_site

NOW = 1_800_000_000.0


def cookie(value: str) -> bytes:
    return f"other=1; {COOKIE}={value}; more=2".encode()


def test_a_session_is_admitted_until_it_expires() -> None:
    """From the login to LIFETIME later, by any gate of the same token."""
    session = Gate("token").session(NOW)
    assert Gate("token").admits_cookie(cookie(session), NOW)
    assert Gate("token").admits_cookie(cookie(session), NOW + LIFETIME - 1)
    assert not Gate("token").admits_cookie(cookie(session), NOW + LIFETIME)
    assert not Gate("other").admits_cookie(cookie(session), NOW)
    assert "token" not in session


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=100), st.integers(0, 80))
def test_no_other_cookie_is_admitted(value: str, at: int) -> None:
    """Neither anything made up, nor a session with one character changed."""
    gate = Gate("token")
    assert not gate.admits_cookie(cookie(value), NOW)
    session = gate.session(NOW)
    if at < len(session):
        changed = session[:at] + ("0" if session[at] != "0" else "1") + session[at + 1 :]
        assert not gate.admits_cookie(cookie(changed), NOW)


@pytest.mark.parametrize(
    "header", [b"", b"Bearer", b"Bearer ", b"Bearer tokem", b"token", b"Basic token", b"\xff"]
)
def test_only_the_token_is_admitted(header: bytes) -> None:
    """Anything else in an Authorization header is not."""
    assert not Gate("token").admits_bearer(header)
    assert Gate("token").admits_bearer(b"bEARER token ")


@pytest.mark.parametrize(
    ("origin", "by_cookie", "cross"),
    [
        (None, False, False),
        (None, True, True),
        (b"http://forebay:8420", True, False),
        (b"https://FOREBAY:8420", False, False),
        (b"http://forebay", False, True),
        (b"http://evil.example", False, True),
        (b"http://forebay:8420.evil.example", False, True),
        (b"null", False, True),
        (b"", False, True),
    ],
)
def test_which_origins_are_ours(origin: bytes | None, by_cookie: bool, cross: bool) -> None:
    """The host that was asked, whatever ends TLS in front of it."""
    assert is_cross_site(origin, b"forebay:8420", by_cookie=by_cookie) is cross
