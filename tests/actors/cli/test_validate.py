from __future__ import annotations

import json
import os
import socket
import sqlite3
from pathlib import Path

import pytest

from actors.cli.checks import Check, all_checks, check_port, check_store
from actors.config import Settings, StoreUrl
from tests.actors.cli.test_shell import forebay


def settings(tmp_path: Path, **changes: object) -> Settings:
    data = str(tmp_path / "data")
    return Settings(**{"data": data, "port": 0, "store": (StoreUrl.for_data(data),), **changes})  # type: ignore[arg-type]


def troubles(checks: list[Check]) -> list[str]:
    return [f"{check.what}: {check.found}" for check in checks if check.trouble]


def test_a_fresh_machine_is_ready_and_nothing_is_made(tmp_path: Path) -> None:
    """With defaults in an empty directory everything passes, and the directory is as empty afterwards."""
    done = forebay("validate", "--port", "0", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "ready: 6 checks, no problem"
    assert list(tmp_path.iterdir()) == []


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """Data directory, store and port that are all wrong are three lines of one run, exit code 1."""
    (tmp_path / "data").write_text("a file")
    (tmp_path / "bad.db").write_bytes(b"this is no database, whatever its name says" * 100)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = forebay("validate", "--port", port, "--store", "sqlite:///bad.db", cwd=tmp_path)
        raw = forebay("validate", "--port", port, "--store", "sqlite:///bad.db", "--json", cwd=tmp_path)
    assert done.returncode == raw.returncode == 1
    lines = done.stderr.splitlines()
    assert any("data: is no directory" in line for line in lines)
    assert any("journal: Not a directory" in line for line in lines)
    assert any("bad.db: file is not a database" in line for line in lines)
    assert any(f"port {port}: the port is in use" in line for line in lines)
    assert "ready" not in done.stdout
    found = json.loads(raw.stdout)
    assert found["ok"] is False
    assert len([check for check in found["checks"] if check["trouble"]]) == len(lines)


def test_bad_settings_as_json(tmp_path: Path) -> None:
    """With --json, wrong settings are JSON too, and still exit code 2."""
    done = forebay("validate", "--json", cwd=tmp_path, FOREBAY_PORT="x", FOREBAY_HOST="0.0.0.0")
    assert (done.returncode, done.stderr) == (2, "")
    assert [problem["key"] for problem in json.loads(done.stdout)["problems"]] == ["port", "host"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written(tmp_path: Path) -> None:
    """A read-only parent is found before the start would."""
    tmp_path.chmod(0o500)
    try:
        assert any("not writable" in trouble for trouble in troubles(list(all_checks(settings(tmp_path)))))
    finally:
        tmp_path.chmod(0o700)


def test_a_store_below_a_file(tmp_path: Path) -> None:
    """That nothing can be made there is no matter of rights."""
    (tmp_path / "file").touch()
    store = (StoreUrl(f"sqlite:///{tmp_path}/file/x.db"),)
    (told,) = troubles(list(all_checks(settings(tmp_path, store=store))))
    assert told.endswith("file: is no directory")


def test_no_room(tmp_path: Path) -> None:
    """A disk without room for four segments is a problem that says how much is needed."""
    told = troubles(list(all_checks(settings(tmp_path, segment_bytes=2**60))))
    assert len(told) == 1
    assert "are needed for the journal" in told[0]


def test_stores(tmp_path: Path) -> None:
    """A database that opens passes; a host that does not answer and a store nobody knows are problems."""
    path = tmp_path / "x.db"
    database = sqlite3.connect(path)
    database.execute("create table t (a)")
    database.close()
    plain = settings(tmp_path)
    opens = check_store(StoreUrl(f"sqlite:///{path}"), plain)
    assert (opens.found, opens.trouble) == ("opens", "")
    assert check_store(StoreUrl("memory:"), plain).trouble == ""
    assert check_store(StoreUrl("sqlite:///:memory:"), plain).trouble == "failed"
    assert check_store(StoreUrl("postgresql://me:hush@127.0.0.1:1/d"), plain).trouble == "failed"


def test_hosts() -> None:
    """An address that is not this machine's is told by name."""
    assert "203.0.113.1" in check_port("203.0.113.1", 0).found
    assert check_port("127.0.0.1", 0).trouble == ""
