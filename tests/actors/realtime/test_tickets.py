from __future__ import annotations

import msgspec
import pytest

from actors.config import SupabaseSettings
from actors.realtime.tickets import LASTS, SECOND, Tickets
from tests.actors.realtime.running import project
from tests.realtime.access import Access, forebay_policies
from tests.realtime.peer import RealtimePeer
from tests.realtime.tokens import TokenExpiredError, read_token
from tests.supabase.keys import Keys, new_keys
from web.ports import RealtimeUnavailableError

NOW = 1_800_000_000 * SECOND


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def keys() -> Keys:
    return new_keys()


@pytest.fixture
def configured(keys: Keys) -> SupabaseSettings:
    return project(RealtimePeer(keys), keys)


def test_a_ticket_lets_listen_and_send_nothing(configured: SupabaseSettings, keys: Keys) -> None:
    """Its token is good for ten minutes, for reading the journal's channel and nothing else."""
    ticket = Tickets(configured, "forebay:one", Clock()).ticket("s1")
    claims = read_token(ticket.token, keys.secret, NOW / SECOND)
    assert (claims.role, claims.all["session"]) == ("authenticated", "s1")
    assert ticket.expires_at == claims.expires * SECOND == NOW + LASTS * SECOND
    assert forebay_policies(claims, ticket.topic) == Access(read=True, write=False)
    with pytest.raises(TokenExpiredError):
        read_token(ticket.token, keys.secret, NOW / SECOND + LASTS)


def test_the_service_role_s_key_is_not_in_it(configured: SupabaseSettings, keys: Keys) -> None:
    """Neither that key nor the secret leaves the server."""
    text = msgspec.json.encode(Tickets(configured, "forebay:one", Clock()).ticket("")).decode()
    assert keys.service_role not in text
    assert keys.secret not in text
    assert keys.anon in text


def test_a_ticket_is_held_until_it_expires(configured: SupabaseSettings) -> None:
    """Whether anybody listens is known by the tickets that are out."""
    clock = Clock()
    tickets = Tickets(configured, "forebay:one", clock)
    assert not tickets.held
    tickets.ticket("s1")
    clock.now += (LASTS - 1) * SECOND
    assert tickets.held
    clock.now += SECOND
    assert not tickets.held


@pytest.mark.parametrize(("missing", "name"), [("jwt_secret", "JWT_SECRET"), ("anon_key", "ANON_KEY")])
def test_what_is_missing_is_named(configured: SupabaseSettings, missing: str, name: str) -> None:
    """Without secret or key there is no ticket, nobody is taken to listen, and the error says what to set."""
    tickets = Tickets(msgspec.structs.replace(configured, **{missing: None}), "forebay:one", Clock())
    with pytest.raises(RealtimeUnavailableError, match=f"set SUPABASE_{name}$"):
        tickets.ticket("s1")
    assert not tickets.held
