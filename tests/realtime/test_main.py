from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.supabase.processes import free_port

ROOT = Path(__file__).parents[2]


def start(port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.realtime", "--port", str(port)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_run_by_hand_it_prints_its_keys_serves_and_ends_with_ctrl_c() -> None:
    """The printed address and key are good for a broadcast; Ctrl-C ends it with 0 and no traceback."""
    with start(free_port()) as peer:
        assert peer.stdout is not None
        lines = [peer.stdout.readline().strip().removeprefix("export ") for _ in range(4)]
        printed = {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}
        message = {"topic": "room", "event": "e", "payload": {}}
        answer = httpx.post(
            f"{printed['SUPABASE_URL']}/realtime/v1/api/broadcast",
            json={"messages": [message]},
            headers={"apikey": printed["SUPABASE_ANON_KEY"]},
        )
        second = start(int(printed["SUPABASE_URL"].rpartition(":")[2]))
        _, refused = second.communicate(timeout=20)
        peer.send_signal(signal.SIGINT)
        _, said = peer.communicate(timeout=20)
    assert answer.status_code == 202
    assert (peer.returncode, said) == (0, "ready; Ctrl-C ends it\n")
    assert second.returncode == 2
    assert refused.endswith("with --port\n")
