"""Addresses of stores as people get them wrong, through every command that reads one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from actors.cli.shell import main
from actors.config import StoreUrl
from actors.migrations import DatabaseUrlError, migrate_postgres

SECRET = "s3cr3tPW"

MALFORMED = [
    "postgresql://app:s3cr3tPW/x@127.0.0.1:1/db",
    "postgresql://app:12/s3cr3tPW@127.0.0.1:1/db",
    "postgresql://app:12?s3cr3tPW@127.0.0.1:1/db",
    "postgresql://app:12#s3cr3tPW@127.0.0.1:1/db",
    "postgresql://app:a@s3cr3tPW@127.0.0.1:1/db",
    "postgresql://app:s3cr3tPW@x@127.0.0.1:1/db",
    "postgresql://app:s3cr3tPW[@127.0.0.1:1/db",
    "postgresql://app:[s3cr3tPW]@127.0.0.1:1/db",
    "postgresql://app:s3cr3tPW\u2100@127.0.0.1:1/db",
    "postgresql://app:12\ts3cr3tPW@127.0.0.1:1/db",
    "postgresql://app:s3cr3tPW@127.0.0.1:99999/db",
    "postgresql://app:s3cr3tPW@127.0.0.1:x/db",
    "postgresql://app:s3cr3tPW@127.0.0.1:1,h:s3cr3tPW/db",
    "postgresql://app:s3cr3tPW@h,,h/db",
    "postgresql://app:s3cr3tPW@127.0.0.1/db?port=99999",
    "postgresql://app:s3cr3tPW@",
    "postgresql:app:s3cr3tPW@127.0.0.1/db",
    "s3cr3tPW@127.0.0.1/db",
]

COMMANDS = [
    ["config"],
    ["config", "--json"],
    ["validate"],
    ["validate", "--json"],
    ["run"],
    ["run", "--debug"],
    ["db", "status"],
    ["db", "migrate"],
    ["db", "migrate", "--dry-run"],
    ["audit"],
]


@pytest.mark.parametrize("url", MALFORMED)
def test_no_command_tells_the_password_of_an_address_that_is_wrong(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each is refused as a setting, exit code 2, by a flag as by a variable, and nothing of it is shown."""
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        assert main([*command, "--store", url]) == 2
    monkeypatch.setenv("FOREBAY_STORE", url)
    assert main(["validate"]) == 2
    told = "".join(capfd.readouterr())
    assert "store" in told
    assert SECRET not in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", [url for url in MALFORMED if "://" in url])
def test_nor_does_a_migration_of_the_projects_database(url: str) -> None:
    """SUPABASE_DB_URL is read by the same rules, before anybody is asked."""
    with pytest.raises(DatabaseUrlError, match="the database's URL") as refused:
        asyncio.run(migrate_postgres("supabase:", url))
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:p%2F%40%23%3Fw@[::1]:5432/db?sslmode=require",
        "postgresql://app:!$&'()*+,;=:~^|@a.example:1,b.example:65535/db",
        "postgresql://[fe80::1%25eth0]/db",
        "postgresql://%2Fvar%2Frun%2Fpostgresql/db",
        "postgresql://h/db?user=app&password=x&port=1,2",
    ],
)
def test_addresses_that_libpq_takes_are_taken(url: str) -> None:
    """Escaped passwords, several hosts, IPv6, sockets and options are nobody's mistake."""
    assert StoreUrl(url).reveal() == url
