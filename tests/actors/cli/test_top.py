from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from actors.cli.overview import WIDTH
from actors.cli.pulse import SHOWN, Pulse, sparkline
from actors.cli.remote import NobodyAnswersError
from actors.cli.shell import main
from actors.cli.watch import Watch
from tests.actors.cli.on_terminal import CONTROL, on_terminal
from tests.actors.cli.peer import Peer, running_peer
from tests.web.memory import REPORT
from web.report import StatusReport

pytestmark = pytest.mark.slow

SECOND = 1_000_000_000
ENTERED, LEFT = "\033[?1049h", "\033[?25h\033[?1049l"


def report(accepted: int, **changes: Any) -> StatusReport:
    """Accepted so many; all but two are stored."""
    return replace(REPORT, accepted=accepted, persisted=accepted - 2, started_at=time.time_ns(), **changes)


@pytest.fixture
def peer() -> Iterator[Peer]:
    with running_peer() as peer:
        peer.status = msgspec.to_builtins(report(1_000))
        yield peer


def test_rates_are_differences_by_time() -> None:
    """Nothing for the first look; then metrics by seconds, whatever lies between two looks."""
    pulse = Pulse()
    assert pulse.feel(report(1_000), 10.0) is None
    flow = pulse.feel(report(1_500), 12.0)
    assert flow is not None
    assert (flow.accepted, flow.persisted) == (250.0, 250.0)
    flow = pulse.feel(replace(report(1_500), persisted=1_500), 13.0)
    assert flow is not None
    assert (flow.accepted, flow.persisted) == (0.0, 2.0)


def test_another_journal_begins_anew() -> None:
    """A process on another directory has numbers of its own: no rate is made of the difference."""
    pulse = Pulse()
    pulse.feel(report(1_000), 1.0)
    assert pulse.feel(report(5, journal=replace(REPORT.journal, id="other")), 2.0) is None
    flow = pulse.feel(report(7, journal=replace(REPORT.journal, id="other")), 3.0)
    assert flow is not None
    assert (flow.accepted, len(flow.accepted_line)) == (2.0, 1)


def test_sparklines_share_a_scale() -> None:
    """The highest bar is the fastest of either; only the latest samples are kept."""
    pulse = Pulse()
    for second in range(3 * SHOWN):
        flow = pulse.feel(replace(report(800 * second), persisted=400 * second), float(second))
    assert flow is not None
    assert (flow.accepted_line, flow.persisted_line) == ("█" * SHOWN, "▅" * SHOWN)
    assert sparkline([0, 1, 2, 4, 8], 8) == "▁▂▃▅█"
    assert sparkline([0, 0], 0) == "▁▁"


def test_a_process_that_goes_away_is_told() -> None:
    """With since when, above how it was; and no more once it is back."""
    watch = Watch("http://x")
    watch.saw(report(1_000), 1.0, SECOND)
    watch.missed(NobodyAnswersError("http://x"), 5.0)
    watch.missed(NobodyAnswersError("http://x"), 9.0)
    lines = watch.frame(70.0, 71 * SECOND, 80)
    assert lines[0] == "no status from http://x for 1 min 5 s: still trying; below is how it was"
    assert any(line.startswith("accepted 1,000 = persisted 998") for line in lines)
    assert max(map(len, lines)) <= WIDTH
    view = json.loads(watch.as_json(71 * SECOND))
    assert (view["status"], view["health"]["level"]) == (None, "bad")
    assert "nobody answers" in view["error"]
    watch.saw(report(1_010), 71.0, 72 * SECOND)
    assert not any("no status" in line for line in watch.frame(71.0, 72 * SECOND, 80))


def test_once_is_one_frame(peer: Peer, capfd: pytest.CaptureFixture[str]) -> None:
    """Printed in a pipe, without a control sequence, with the rates of one interval."""
    assert main(["top", "--once", "--interval", "100ms", "--url", peer.url]) == 0
    out = capfd.readouterr().out
    assert "\033" not in out
    assert out.count("forebay 0.1.0") == 1
    assert "accepted             0/s ▁" in out
    assert "998 of 1,000 metrics are stored, the last 2 on their way." in out


def test_json_is_a_line_an_interval(peer: Peer, capfd: pytest.CaptureFixture[str]) -> None:
    """With health, rates and the whole status."""
    assert main(["top", "--once", "--json", "--interval", "100ms", "--url", peer.url]) == 0
    [line] = capfd.readouterr().out.splitlines()
    view = json.loads(line)
    assert view["status"] == peer.status
    assert view["health"]["level"] == "good"
    assert (view["accepted_per_second"], view["persisted_per_second"]) == (0.0, 0.0)


def test_nobody_to_watch(capfd: pytest.CaptureFixture[str]) -> None:
    """Where nobody answers at the start, the error is that of every command."""
    assert main(["top", "--once", "--port", "1"]) == 1
    assert capfd.readouterr().err.startswith("forebay: nobody answers at http://127.0.0.1:1")


def test_a_process_that_goes_before_the_only_frame_is_the_error(
    peer: Peer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --once there is no trying again: exit code 1."""
    monkeypatch.setattr("actors.cli.top.time.sleep", lambda _: setattr(peer, "status", None))
    assert main(["top", "--once", "--json", "--url", peer.url]) == 1
    told = capfd.readouterr()
    assert json.loads(told.out)["status"] is None
    assert "answered 404" in told.err


def test_a_terminal_shows_it_in_place_until_q(peer: Peer, tmp_path: Path) -> None:
    """On the other screen, redrawn as numbers change; the terminal is as before when it is left."""
    with on_terminal("top", "--interval", "100ms", "--url", peer.url, cwd=tmp_path) as terminal:
        terminal.until(ENTERED)
        terminal.until("accepted 1,000 =")
        assert terminal.attributes()[3] != terminal.modes[3]
        peer.status = msgspec.to_builtins(report(5_000))
        terminal.until("accepted 5,000 =")
        terminal.type("xq")
        assert terminal.leaves() == 0
        assert terminal.shown.endswith(LEFT)
        assert terminal.attributes() == terminal.modes


def test_a_dumb_terminal_gets_blocks(peer: Peer, tmp_path: Path) -> None:
    """Where nothing can be drawn in place, frames follow each other as in a pipe."""
    with on_terminal("top", "--interval", "100ms", "--url", peer.url, cwd=tmp_path, TERM="dumb") as terminal:
        terminal.until("forebay 0.1.0")
        assert "\033" not in terminal.until("forebay 0.1.0")
        terminal.signal(signal.SIGINT)
        assert terminal.leaves() == 0


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_given_back(end: signal.Signals, peer: Peer, tmp_path: Path) -> None:
    """After Ctrl-C, and when somebody else ends it: exit code 0, no traceback."""
    with on_terminal("top", "--interval", "100ms", "--url", peer.url, cwd=tmp_path) as terminal:
        terminal.until("accepted 1,000 =")
        terminal.signal(end)
        assert terminal.leaves() == 0
        assert terminal.shown.endswith(LEFT)
        assert "Traceback" not in terminal.shown
        assert terminal.attributes() == terminal.modes


def test_a_stopped_one_gives_the_terminal_back_meanwhile(peer: Peer, tmp_path: Path) -> None:
    """After Ctrl-Z the shell has its screen; after fg the view is there again."""
    with on_terminal("top", "--interval", "100ms", "--url", peer.url, cwd=tmp_path) as terminal:
        terminal.until("accepted 1,000 =")
        terminal.signal(signal.SIGTSTP)
        terminal.until(LEFT)
        terminal.signal(signal.SIGCONT)
        terminal.until(ENTERED)
        terminal.until("accepted 1,000 =")
        terminal.type("q")
        assert terminal.leaves() == 0
        assert terminal.attributes() == terminal.modes


def test_a_resized_terminal_is_filled_anew(peer: Peer, tmp_path: Path) -> None:
    """No line is wider than the terminal nor a frame higher, and what is left out is said."""
    with on_terminal("top", "--interval", "1h", "--url", peer.url, cwd=tmp_path) as terminal:
        terminal.until("accepted 1,000 =")
        terminal.resize(30, 6)
        terminal.signal(signal.SIGWINCH)
        frame = terminal.until("more lines").rpartition("\033[H")[2]
        lines = CONTROL.sub("", frame).splitlines()
        assert len(lines) == 6
        assert max(map(len, lines)) <= 30
        terminal.type("q")
        assert terminal.leaves() == 0


def test_it_waits_for_a_process_that_is_away(peer: Peer, tmp_path: Path) -> None:
    """It says so, goes on asking, and shows the process that comes back."""
    with on_terminal("top", "--interval", "100ms", "--url", peer.url, cwd=tmp_path) as terminal:
        terminal.until("accepted 1,000 =")
        peer.status = None
        terminal.until("still trying")
        peer.status = msgspec.to_builtins(report(7_777))
        terminal.until("accepted 7,777 =")
        terminal.type("q")
        assert terminal.leaves() == 0
