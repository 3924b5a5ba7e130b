"""Told to stop: in order, in time, and without breaking a promise."""

from __future__ import annotations

import json
import signal
import time

import pytest

from tests.process.conftest import Launch
from tests.process.forebay import Forebay, eventually, numbers, writing_lock
from tests.process.senders import Sender, sending

SMALL = {"FOREBAY_SEGMENT_BYTES": "1MiB"}


def stopped_under_load(forebay: Forebay, which: signal.Signals) -> list[Sender]:
    """Eight senders at work, then `which`; the senders, all at their end."""
    with sending(forebay.port, 8) as senders:
        eventually(lambda: sum(len(sender.accepted) for sender in senders) > 200, "the load is on")
        forebay.signal(which)
        told = time.monotonic()
        assert forebay.wait() == 0
        for sender in senders:
            sender.told_at = told
            sender.join(10)
    return senders


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_under_load_every_reply_is_honoured(forebay: Forebay, which: signal.Signals) -> None:
    """After SIGTERM or SIGINT under load: exit code 0, and each acknowledged metric is stored once."""
    senders = stopped_under_load(forebay, which)
    acknowledged = sorted(value for sender in senders for value in sender.accepted)
    stored = sorted(forebay.values())
    assert len(stored) == len(set(stored))
    assert set(acknowledged) <= set(stored)
    unanswered = {value for sender in senders for value in sender.unanswered}
    assert set(stored) - set(acknowledged) <= unanswered, "a refused metric was stored all the same"


def test_under_load_every_request_sent_before_is_answered(forebay: Forebay) -> None:
    """A request that was sent whole before SIGTERM gets an answer: no connection ends without one."""
    senders = stopped_under_load(forebay, signal.SIGTERM)
    ignored = [
        sender.told_at - sender.sent_at
        for sender in senders
        if sender.unanswered and sender.sent_at < sender.told_at
    ]
    assert not ignored, f"unanswered, sent these seconds before the signal: {ignored}"


def test_readiness_goes_first(forebay: Forebay) -> None:
    """While it stops, nobody new is let in, and the log says that it stops and then that it has."""
    forebay.post(numbers(0, 10))
    assert forebay.terminate() == 0
    assert forebay.readiness() is None
    events = [event["event"] for event in forebay.events()]
    assert events.index("stopping; once more stops at once") < events.index("stopped")


def test_a_locked_store_holds_up_nothing(launch: Launch) -> None:
    """SIGTERM while another process holds the database: exit 0 within the time-out, and at the next start
    everything accepted gets to the store."""
    forebay = launch(env={**SMALL, "METRICS_PERSISTER_GRACEFUL_SHUTDOWN_TIMEOUT": "2s"}).start()
    forebay.post(numbers(0, 100)).raise_for_status()
    forebay.drained()
    with writing_lock(forebay.data / "forebay.db"):
        for begin in range(100, 2100, 100):
            forebay.post(numbers(begin, 100)).raise_for_status()
        assert forebay.store()["lag"] == 2000
        began = time.monotonic()
        assert forebay.terminate() == 0
        took = time.monotonic() - began
    assert took < 15, f"took {took:.1f} s to leave with a time-out of 2 s"
    assert len(forebay.values()) == 100
    forebay.start().drained()
    assert forebay.values() == [float(value) for value in range(2100)]
    assert forebay.terminate() == 0


def test_a_backlog_is_brought_to_the_store_on_the_way_down(forebay: Forebay) -> None:
    """What was accepted a moment before SIGTERM is in the database when the process has left."""
    for begin in range(0, 20_000, 2000):
        forebay.post(numbers(begin, 2000)).raise_for_status()
    assert forebay.terminate() == 0
    assert forebay.values() == [float(value) for value in range(20_000)]


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_leaves_at_once(launch: Launch, which: signal.Signals) -> None:
    """While it waits for a locked store, a second signal ends it, with the shell's code for that signal."""
    forebay = launch(env=SMALL).start()
    forebay.post(numbers(0, 10)).raise_for_status()
    forebay.drained()
    with writing_lock(forebay.data / "forebay.db"):
        forebay.post(numbers(10, 10)).raise_for_status()
        forebay.signal(which)
        eventually(lambda: forebay.logged("stopping"), "it stops")
        began = time.monotonic()
        forebay.signal(which)
        assert forebay.wait() == 128 + which
        assert time.monotonic() - began < 10
    forebay.start().drained()
    assert len(forebay.values()) == 20


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_told_while_starting(launch: Launch, which: signal.Signals) -> None:
    """A signal during recovery: exit 0 soon, no traceback, and the next start is fine."""
    # Twice a gigabyte of zeroes to write: there is time to meet it in the act.
    forebay = launch(env={"FOREBAY_SEGMENT_BYTES": "1GiB"}).spawn()
    eventually(lambda: (forebay.data / "journal/spare.new").exists(), "recovery has begun")
    forebay.signal(which)
    assert forebay.wait(5) == 0
    assert "Traceback" not in forebay.log()
    forebay.env["FOREBAY_SEGMENT_BYTES"] = "1MiB"
    forebay.start()
    assert forebay.post(numbers(0, 1)).status_code == 202
    assert forebay.terminate() == 0


def test_sighup_while_starting_stops_nothing(launch: Launch) -> None:
    """SIGHUP during recovery is no reason to die."""
    forebay = launch(env={"FOREBAY_SEGMENT_BYTES": "256MiB"}).spawn()
    eventually(lambda: (forebay.data / "journal/spare.new").exists(), "recovery has begun")
    forebay.signal(signal.SIGHUP)
    eventually(lambda: forebay.readiness() == 200 or forebay.code is not None, "ready")
    assert forebay.code is None
    assert forebay.terminate() == 0


def test_sighup_reads_the_configuration_again(launch: Launch) -> None:
    """What SIGHUP can change is in force at once; the process goes on."""
    forebay = launch(env=SMALL)
    settings = forebay.home / "forebay.toml"
    settings.write_text('log_level = "info"\n')
    forebay.start()
    settings.write_text('log_level = "debug"\nkeep_days = 3\n')
    forebay.signal(signal.SIGHUP)
    eventually(lambda: forebay.logged("configuration reloaded"), "the configuration is reloaded")
    assert {event["setting"] for event in forebay.logged("setting changed")} == {"log_level", "keep_days"}
    assert forebay.post(numbers(0, 1)).status_code == 202


def test_sighup_changes_the_keep_window(launch: Launch) -> None:
    """keep_bytes made small by SIGHUP: segments are retired, which they were not before."""
    forebay = launch(env=SMALL)
    settings = forebay.home / "forebay.toml"
    settings.write_text("")
    forebay.start()
    while forebay.status()["journal"]["segments"] < 4:
        forebay.post(numbers(0, 5000)).raise_for_status()
    forebay.drained()
    settings.write_text("keep_bytes = 0\n")
    forebay.signal(signal.SIGHUP)
    eventually(lambda: forebay.status()["journal"]["segments"] == 1, "old segments are retired")
    assert forebay.status()["journal"]["first_offset"] > 0


@pytest.mark.parametrize(
    "content", [b"keep_days = -1\n", b"keep_days = \n", b"\xff\xfe", b"no_such_thing = 1\n"]
)
def test_a_broken_configuration_is_told_and_the_old_one_kept(launch: Launch, content: bytes) -> None:
    """On SIGHUP with a file that cannot be used: an error that names it, and all goes on as before."""
    forebay = launch(env=SMALL)
    settings = forebay.home / "forebay.toml"
    settings.write_text("keep_days = 2\n")
    forebay.start()
    settings.write_bytes(content)
    forebay.signal(signal.SIGHUP)
    eventually(lambda: forebay.logged("not reloaded"), "the problem is told")
    assert all(event["level"] == "error" for event in forebay.logged("not reloaded"))
    assert "forebay.toml" in json.dumps(forebay.logged("not reloaded"))
    assert forebay.post(numbers(0, 1)).status_code == 202
    assert forebay.terminate() == 0


def test_a_configuration_that_is_gone_is_told(launch: Launch) -> None:
    """A file that SIGHUP finds to be a directory is an error like any other: the process goes on."""
    forebay = launch(env=SMALL)
    settings = forebay.home / "forebay.toml"
    settings.write_text("keep_days = 2\n")
    forebay.start()
    settings.unlink()
    settings.mkdir()
    forebay.signal(signal.SIGHUP)
    eventually(lambda: forebay.logged("not reloaded"), "the problem is told")
    assert forebay.terminate() == 0
