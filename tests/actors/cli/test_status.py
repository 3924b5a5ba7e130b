from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from actors.cli.client import base_url
from actors.cli.exits import USAGE, CommandError
from actors.cli.overview import WIDTH, overview
from actors.cli.remote import NobodyAnswersError, Remote
from actors.config import Settings
from journal.metric import Offset
from tests.actors.cli.peer import Peer, running_peer
from tests.actors.cli.test_shell import forebay
from web.report import ActorStatus, DeadLetterStatus, JournalStatus, StatusReport, StoreStatus

pytestmark = pytest.mark.slow  # whole systems or programs of their own

SECOND = 1_000_000_000


def actor(name: str, *children: ActorStatus, state: str = "running", error: str | None = None) -> ActorStatus:
    kind = "supervisor" if children else "actor"
    return ActorStatus(name, f"/{name}", kind, state, 3, 4096, 10**12, 0, 2, error, list(children))  # type: ignore[arg-type]


def report(**changes: object) -> StatusReport:
    journal = JournalStatus(
        "0d5e2f3c-1111-2222-3333-444455556666",
        Offset(0),
        Offset(10**12),
        9_999,
        10**13,
        10**13,
        "fsync",
        "writable",
    )
    stores = [
        StoreStatus("sqlite", Offset(10**12), 0, 10**12, "closed", "following", None),
        StoreStatus(
            "postgres-with-a-long-name",
            Offset(5),
            10**12,
            5,
            "open",
            "waiting",
            "refused " * 30,
            lag_seconds=1e9,
            dead_lettered=10**12,
            breaker_since=SECOND,
            next_probe_at=10**18,
            attempts=10**6,
            error_kind="throttled",
            failing_since=SECOND,
        ),
    ]
    tree = actor(
        "forebay", actor("ingest"), actor("stores", actor("sqlite", state="failed", error="x" * 200))
    )
    queue = DeadLetterStatus(10**9, 10**9, SECOND, 10**9, 10**12, 10**12, 10**12)
    plain = StatusReport(journal, stores, queue, tree, 15, 10, 2, 3, "0.1.0", SECOND)
    return msgspec.structs.replace(plain, **changes)


@pytest.fixture
def peer() -> Iterator[Peer]:
    with running_peer() as peer:
        yield peer


def test_fits_a_terminal() -> None:
    """However large the numbers and long the errors, no line is over 80 columns."""
    lines = overview(report(), 4000 * SECOND, WIDTH)
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "up 1 h 6 min" in text
    assert "accepted 15 = persisted 10 + dead letters 2 + pending 3" in text
    assert "refused refused" in text
    assert "xxx" in text


def test_what_holds_a_store_up_is_said() -> None:
    """The sentence first; then breaker, next probe, attempts, lag in metrics and seconds, and the error."""
    now = 5_000 * SECOND
    store = replace(
        report().stores[1],
        name="supabase",
        lag=212_340,
        lag_seconds=251.0,
        breaker_since=now - 240 * SECOND,
        next_probe_at=now + 12 * SECOND,
        attempts=14,
        error_kind="outage",
        failing_since=now - 250 * SECOND,
        dead_lettered=0,
        last_error="nobody answers\x1b[2J",
    )
    lines = overview(report(stores=[store]), now, WIDTH)
    assert " ".join(lines[1:3]) == (
        "supabase has been unreachable for 4 min 10 s; 212,340 metrics wait in the journal; nothing is lost."
    )
    at = next(place for place, line in enumerate(lines) if line.startswith("supabase  waiting"))
    assert lines[at].split()[2:8] == ["open", "212,340", "4", "min", "11", "s"]
    assert lines[at + 1] == "  breaker open for 4 min 0 s, next probe in 12 s, 14 failed (outage)"
    assert lines[at + 2] == "  nobody answers\\x1b[2J"


def test_what_helps_against_an_error_is_not_cut_off() -> None:
    """It stands at the end of a long error; and a store is named whole, as `forebay breaker` wants it."""
    error = "store supabase: HTTP 401 · Invalid API key · Check your key.; check SUPABASE_SERVICE_ROLE_KEY"
    store = replace(report().stores[1], name="postgresql:127.0.0.1:54322/postgres", last_error=error)
    lines = overview(report(stores=[store]), 5_000 * SECOND, WIDTH)
    assert max(map(len, lines)) <= 80
    assert "  postgresql:127.0.0.1:54322/postgres" in lines
    assert error in " ".join(line.strip() for line in lines)


def test_what_a_damage_took_is_part_of_the_account() -> None:
    """It is said before what may be cut off, in the sum and of the store, also at great numbers."""
    store = replace(report().stores[0], lost=10**12, missing=3)
    lost = report(stores=[store], accepted=15 + 10**12, persisted=10, lost=10**12)
    lines = overview(lost, SECOND, WIDTH)
    account = next(line for line in lines if line.startswith("accepted"))
    assert account.startswith("accepted 1,000,000,000,015 = persisted 10 + lost 1,000,000,000,000 + dead")
    at = next(place for place, line in enumerate(lines) if line.startswith("sqlite "))
    assert lines[at + 1] == "  3 missing, at most 1,000,000,000,000 lost with a damage of the journal"
    assert max(map(len, lines)) <= 80


def test_a_store_that_is_well_takes_one_line() -> None:
    """No breaker, no attempts, no error: nothing is said of them."""
    lines = overview(report(stores=report().stores[:1]), SECOND, WIDTH)
    at = next(place for place, line in enumerate(lines) if line.startswith("sqlite "))
    assert lines[at + 1] == ""


def test_the_queue_and_the_disk() -> None:
    """How full, since when, what became of the rest; and for how long the disk lasts."""
    now = 100_000 * SECOND
    queue = DeadLetterStatus(8_500, 10_000, now - 90_000 * SECOND, 3, 20, 21, 0)
    lines = overview(
        report(dead_letters=queue, journal=replace(report().journal, full_in=7_300.0)), now, WIDTH
    )
    assert "dead letters 8,500 of at most 10,000 (85%), the oldest for 1 d 1 h" in lines
    assert "        3 on their way back, 20 redriven, 21 discarded" in lines
    assert "        disk full in 2 h 1 min at this rate" in lines
    off = overview(report(dead_letters=DeadLetterStatus(0, enabled=False)), now, WIDTH)
    assert "dead letters off: what a store refuses holds it up" in off


def test_tree_shows_who_belongs_to_whom() -> None:
    """Children hang below their supervisor, the last one at the corner."""
    lines = overview(report(), SECOND, WIDTH)
    tree = lines[next(at for at, line in enumerate(lines) if line.startswith("actor ")) + 1 :]
    names = [line.partition("  running")[0].partition("  failed")[0].rstrip() for line in tree]
    assert names[:4] == ["forebay", "├─ ingest", "└─ stores", "   └─ sqlite"]


def test_an_account_that_does_not_balance_is_seen() -> None:
    """If the sums differ, the line says so."""
    assert "accepted 99 ≠ persisted 10" in "\n".join(overview(report(accepted=99), SECOND, WIDTH))


def test_of_a_running_process(peer: Peer, tmp_path: Path) -> None:
    """The command asks /api/status with the token and prints the report; --json prints the answer itself."""
    peer.token = "t0ken"
    peer.status = msgspec.to_builtins(report())
    done = forebay("status", "--url", peer.url, cwd=tmp_path, FOREBAY_TOKEN="t0ken")
    assert (done.returncode, done.stderr) == (0, "")
    assert "├─ ingest" in done.stdout
    raw = forebay("status", "--port", str(peer.server_port), "--json", cwd=tmp_path, FOREBAY_TOKEN="t0ken")
    assert json.loads(raw.stdout) == peer.status


def test_a_wrong_token_is_told(peer: Peer, tmp_path: Path) -> None:
    """401 is exit code 1, says what to set, and does not show what was sent."""
    peer.token = "right"
    done = forebay("status", "--url", peer.url, cwd=tmp_path, FOREBAY_TOKEN="wr0ng")
    assert done.returncode == 1
    assert "FOREBAY_TOKEN" in done.stderr
    assert "wr0ng" not in done.stderr


@pytest.mark.parametrize("answer", [None, {"hello": "world"}, "text"])
def test_something_else_listens(answer: object, peer: Peer, tmp_path: Path) -> None:
    """What is not Forebay's answer is one line that doubts the address."""
    peer.status = answer
    done = forebay("status", "--url", peer.url, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "is it Forebay that listens there?" in done.stderr


def test_a_process_that_hangs_is_not_taken_for_none() -> None:
    """It is there, and a second one could not be started."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Remote(Settings(), url, timeout=0.1) as remote, pytest.raises(NobodyAnswersError) as raised:
            remote.status()
    assert "was reached, and has not answered in time" in str(raised.value)


@pytest.mark.parametrize("command", ["status", "demo"])
def test_nobody_listens(command: str, tmp_path: Path) -> None:
    """Where nobody answers, the error names the address and the way to start one."""
    done = forebay(command, "--port", "1", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "forebay: nobody answers at http://127.0.0.1:1: "
        "start one with `forebay run`, or say --url or --port\n"
    )


@pytest.mark.parametrize("url", ["10.0.0.5:8420", "ftp://h", "http://", "http://h:abc", "http://h:0"])
def test_an_address_that_cannot_be(url: str) -> None:
    """It is wrong usage, told before anybody is asked."""
    with pytest.raises(CommandError, match="must be an address such as") as raised:
        base_url(Settings(), url)
    assert raised.value.code == USAGE
