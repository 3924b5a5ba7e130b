"""What `validate` looks at. Each check changes nothing and returns what it found."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

import msgspec

from actors.cli.terminal import cut, rough_size
from actors.config import Settings, StoreUrl
from actors.config.kinds import show_size
from journal.disk import DirectoryInUseError, OsFileSystem, lock_holder

if TYPE_CHECKING:
    from actors.stores.base import Store

_CONNECT_TIMEOUT = 3.0
_NO_JOURNAL = "00000000-0000-0000-0000-000000000000"
_SEGMENTS_OF_ROOM = 4


class Check(msgspec.Struct, frozen=True):
    """What was looked at, and what was found; `trouble` says what to do where `found` is bad."""

    what: str
    found: str
    trouble: Literal["", "failed", "corrupt", "in use"] = ""


def all_checks(settings: Settings) -> Iterator[Check]:
    """Every check of `settings`, in the order in which a start would meet them."""
    yield check_directory(settings.data)
    yield check_lock(settings.data)
    yield check_room(settings)
    yield check_journal(settings.data)
    for url in settings.store:
        yield check_store(url, settings)
    yield check_port(settings.host, settings.port)


def check_directory(data: str) -> Check:
    """Whether the data directory can be written, or made."""
    path = Path(data)
    what = "data directory"
    if os.path.exists(path) and not path.is_dir():
        return Check(what, f"{data}: is no directory; name another with --data", "failed")
    there = _existing(path)
    if not os.access(there, os.W_OK | os.X_OK):
        return Check(what, f"{there}: not writable for this user; change its owner or say --data", "failed")
    return Check(what, f"{data}: {'writable' if there == path else 'will be made'}")


def check_lock(data: str) -> Check:
    """Whether no other process works in the data directory."""
    try:
        fd = os.open(os.path.join(data, "lock"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return Check("lock", "free")
    except OSError as error:
        return Check("lock", f"{data}/lock: {error.strerror}", "failed")
    try:
        # Shared and let go at once: two validations do not disturb each other.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return Check("lock", str(DirectoryInUseError(data, lock_holder(data))), "in use")
    finally:
        os.close(fd)
    return Check("lock", "free")


def check_room(settings: Settings) -> Check:
    """Whether the disk has room for a few segments."""
    there = _existing(Path(settings.data))
    try:
        free = OsFileSystem().free_bytes(str(there))
    except OSError as error:
        return Check("disk", f"{there}: {error.strerror}", "failed")
    needed = _SEGMENTS_OF_ROOM * settings.segment_bytes
    found = f"{rough_size(free)} free"
    if free < needed:
        return Check("disk", f"{there}: {found}; {show_size(needed)} are needed for the journal", "failed")
    return Check("disk", found)


def check_journal(data: str) -> Check:
    """Whether the newest segment is sound."""
    directory = os.path.join(data, "journal")
    from journal.inspect import verify_newest
    from journal.segment import NoJournalError

    try:
        os.stat(directory)
        findings = verify_newest(directory)
    except (FileNotFoundError, NoJournalError):
        return Check("journal", "none yet: the first start begins one")
    except OSError as error:
        return Check("journal", f"{error.filename or directory}: {error.strerror}", "failed")
    corrupt = [finding for finding in findings if finding.gravity == "corrupt"]
    if corrupt:
        return Check("journal", str(corrupt[0]), "corrupt")
    return Check("journal", "; ".join(["the newest segment is sound", *map(str, findings)]))


def check_store(url: StoreUrl, settings: Settings) -> Check:
    """Whether the store can be opened or reached. Nothing is written and no table made."""
    from actors.stores.factory import StoreUrlError, make_store

    what = f"store {cut(url.label, 60)}"
    try:
        store = make_store(url.reveal(), settings.data, settings.supabase, _CONNECT_TIMEOUT)
    except StoreUrlError as error:
        return Check(what, str(error), "failed")
    match url.scheme:
        case "sqlite":
            path = url.reveal().removeprefix("sqlite:").removeprefix("///")
            return _check_sqlite(what, path or os.path.join(settings.data, "forebay.db"))
        case "supabase" | "postgresql":
            return asyncio.run(_check_database(what, store))
        case _:
            return Check(what, "ready")


def check_port(host: str, port: int) -> Check:
    """Whether this process could listen there now."""
    from web.server import PortUnavailableError, bind

    try:
        bind(host, port).close()
    except PortUnavailableError as error:
        return Check(f"port {port}", str(error), "failed")
    return Check(f"port {port}", f"free at {host}")


def _check_sqlite(what: str, path: str) -> Check:
    there = _existing(Path(path).parent)
    if not there.is_dir():
        return Check(what, f"{there}: is no directory", "failed")
    if not os.access(there, os.W_OK | os.X_OK):
        return Check(what, f"{there}: may not be written by this user", "failed")
    if not os.path.exists(path):
        return Check(what, "will be made")
    try:
        database = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=_CONNECT_TIMEOUT)
        try:
            database.execute("select count(*) from sqlite_schema").fetchone()
        finally:
            database.close()
    except sqlite3.Error as error:
        return Check(what, f"{path}: {error}", "failed")
    return Check(what, "opens")


async def _check_database(what: str, store: Store) -> Check:
    """Ask the store for a journal that it cannot know: address, key, rights and tables are all in that."""
    from actors.stores.base import DeniedError, StoreError

    try:
        await store.look(_NO_JOURNAL)
    except DeniedError as error:
        return Check(what, error.detail, "failed")
    except StoreError as error:
        return Check(what, f"{error.detail}; metrics would wait in the journal until it answers", "failed")
    finally:
        await store.close()
    return Check(what, "answers, and has the tables")


def _existing(path: Path) -> Path:
    """`path`, or the nearest directory above it that is there."""
    return path if os.path.exists(path) else next(at for at in path.absolute().parents if os.path.exists(at))
