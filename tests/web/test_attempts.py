"""How often a wrong token may be tried."""

from __future__ import annotations

from tests.web.serving import serving
from web.attempts import MAX_ADDRESSES, OF_ALL, OF_ONE, WINDOW, Attempts
from web.ports import EdgeSettings

NOW = 1_800_000_000.0


def test_one_address_is_held_and_let_go() -> None:
    """After OF_ONE wrong tokens, to the end of the minute that began with the first; others are not."""
    attempts = Attempts()
    for _ in range(OF_ONE):
        assert attempts.wait("10.0.0.1", NOW + 1) == 0
        attempts.failed("10.0.0.1", NOW)
    assert attempts.wait("10.0.0.1", NOW + 20) == WINDOW - 20
    assert attempts.wait("10.0.0.2", NOW + 20) == 0
    assert attempts.wait("10.0.0.1", NOW + WINDOW) == 0
    attempts.failed("10.0.0.1", NOW + WINDOW)
    assert attempts.wait("10.0.0.1", NOW + WINDOW) == 0


def test_a_whole_network_counts_as_one() -> None:
    """Whoever has a /64 has as many addresses as there are tokens."""
    attempts = Attempts()
    for host in range(OF_ONE):
        attempts.failed(f"2001:db8::{host:x}", NOW)
    assert attempts.wait("2001:db8::ffff", NOW) > 0
    assert attempts.wait("2001:db8:0:1::1", NOW) == 0


def test_memory_is_bounded_and_so_is_guessing_from_everywhere() -> None:
    """A botnet fills no memory, and meets the limit of all."""
    attempts = Attempts()
    for at in range(2 * MAX_ADDRESSES):
        attempts.failed(f"10.{at >> 16 & 255}.{at >> 8 & 255}.{at & 255}", NOW)
    assert len(attempts) == MAX_ADDRESSES
    assert attempts.wait("192.0.2.1", NOW) > 0
    fresh = Attempts()
    for at in range(OF_ALL - 1):
        fresh.failed(f"10.0.{at >> 8}.{at & 255}", NOW)
    assert fresh.wait("192.0.2.1", NOW) == 0


def test_a_clock_that_was_set_back_holds_nobody() -> None:
    """A window of the future is none."""
    attempts = Attempts()
    for _ in range(OF_ONE):
        attempts.failed("10.0.0.1", NOW)
    assert attempts.wait("10.0.0.1", NOW - 3600) == 0


async def test_the_login_answers_429_and_says_when_to_come_again() -> None:
    """Also to the right token, so that nobody learns it by guessing on; who is logged in goes on."""
    async with serving(EdgeSettings(token="secret")) as running, running.client() as client:
        assert (await client.post("/login", data={"token": "secret"})).status_code == 303
        async with running.client() as guesser:
            for _ in range(OF_ONE):
                assert (await guesser.post("/login", data={"token": "guess"})).status_code == 401
            for token in ("guess", "secret"):
                answer = await guesser.post("/login", data={"token": token})
                assert answer.status_code == 429
                assert 1 <= int(answer.headers["retry-after"]) <= WINDOW
                assert "Too many wrong tokens" in answer.text
                assert "set-cookie" not in answer.headers
        assert (await client.get("/api/status")).status_code == 200
