from __future__ import annotations

import json
from pathlib import Path

from actors.config.keys import KEYS
from tests.actors.cli.test_shell import forebay

SECRET = "hush-4711"


def test_each_setting_with_its_source(tmp_path: Path) -> None:
    """`--json` has every key once, with its value and the source that won."""
    (tmp_path / "forebay.toml").write_text("port = 1\nkeep_days = 2\n")
    (tmp_path / ".env").write_text("FOREBAY_PORT=3\nFOREBAY_MAX_BODY=1MiB\n")
    done = forebay("config", "--json", "--host", "127.0.0.2", cwd=tmp_path, FOREBAY_PORT="5")
    rows = {row["key"]: row for row in json.loads(done.stdout)}
    assert list(rows) == [key.name for key in KEYS]
    told = {
        name: (rows[name]["value"], rows[name]["source"])
        for name in ("host", "port", "max_body", "keep_days")
    }
    assert told == {
        "host": ("127.0.0.2", "flag"),
        "port": (5, "environment"),
        "max_body": (1048576, ".env"),
        "keep_days": (2.0, "forebay.toml"),
    }
    assert rows["keep_days"]["where"] == "forebay.toml line 2"


def test_table_fits(tmp_path: Path) -> None:
    """In a pipe the table has no colours, and with the defaults no line over 80 columns."""
    done = forebay("config", cwd=tmp_path)
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert len(done.stdout.splitlines()) == 1 + len(KEYS) + 3


def test_no_secret_in_any_output(tmp_path: Path) -> None:
    """Neither config nor validate nor an error shows a token, a key or a password, wherever it came from."""
    (tmp_path / "forebay.toml").write_text(f'token = "{SECRET}"\n')
    (tmp_path / ".env").write_text(f"SUPABASE_SERVICE_ROLE_KEY={SECRET}\n")
    more = {
        "SUPABASE_ANON_KEY": SECRET,
        "SUPABASE_DB_URL": f"postgresql://me:{SECRET}@127.0.0.1:1/d",
        "FOREBAY_STORE": f"postgresql://me:{SECRET}@127.0.0.1:1/d",
    }
    for arguments in (
        ("config",),
        ("config", "--json"),
        ("config", "--variables"),
        ("validate", "--port", "0"),
    ):
        done = forebay(*arguments, "--debug", cwd=tmp_path, **more)
        assert SECRET not in done.stdout + done.stderr
        assert "***" in done.stdout + done.stderr
    for broken in ("FOREBAY_TOKEN", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_DB_URL", "FOREBAY_STORE"):
        done = forebay("config", "--debug", cwd=tmp_path, **{broken: f"a b {SECRET}"})
        assert done.returncode == 2
        assert SECRET not in done.stdout + done.stderr


def test_warnings_do_not_spoil_json(tmp_path: Path) -> None:
    """A warning goes to stderr: stdout stays what `jq` takes."""
    done = forebay("config", "--json", cwd=tmp_path, METRICS_PERSISTER_RETRY_ATTEMPTS="3")
    assert json.loads(done.stdout)
    assert "warning: environment variable METRICS_PERSISTER_RETRY_ATTEMPTS" in done.stderr
