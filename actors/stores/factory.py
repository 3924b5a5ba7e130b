"""A store from its URL."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from actors.config import Settings, StoreUrl
from actors.config.settings import SupabaseSettings
from actors.stores.base import HistoryStore
from actors.stores.memory import MemoryStore
from actors.stores.sqlite import SqliteStore

ALLOWED = (
    "sqlite:///PATH, sqlite: (forebay.db in the data directory), supabase:, "
    "postgresql://USER@HOST/DATABASE or memory:"
)
_NO_SUPABASE = SupabaseSettings()


class StoreUrlError(ValueError):
    """A store's URL is not one that Forebay knows. Only its scheme is told: the rest may hold a password."""

    def __init__(self, url: str, reason: str) -> None:
        scheme, colon, _ = url.partition(":")
        self.scheme = scheme if colon else ""
        shown = f"{self.scheme}:…" if self.scheme else "it has no scheme"
        super().__init__(f"store URL {shown}: {reason}; allowed: {ALLOWED}")


def make_stores(settings: Settings, data_directory: str) -> list[HistoryStore]:
    """The stores of `settings`, not yet open. Raises StoreUrlError, also for one that is named twice: both
    would keep their cursor in the same place."""
    stores: dict[str, HistoryStore] = {}
    for url in settings.store:
        store = make_store(url.reveal(), data_directory, settings.supabase, settings.store_timeout)
        if store.name in stores:
            raise StoreUrlError(url.reveal(), f"the store {store.name} is named twice")
        stores[store.name] = store
    return list(stores.values())


def make_store(
    url: str,
    data_directory: str,
    supabase: SupabaseSettings = _NO_SUPABASE,
    timeout: float = 30.0,
) -> HistoryStore:
    """The store at `url`, not yet open.

    `sqlite:///PATH` is read as SQLAlchemy does: what follows the third slash is the path, so that
    `sqlite:///forebay.db` is relative to the working directory and `sqlite:////var/lib/forebay.db` is
    absolute. `sqlite:` is `forebay.db` in `data_directory`. The store there is named `sqlite`, one
    elsewhere `sqlite:` and its absolute path. `supabase:` is the project that `supabase` names,
    `postgresql://…` is read as libpq does, and the store is named after its host and database. `memory:`
    forgets everything when the process ends. No call to a store lasts longer than `timeout` seconds.

    Raises StoreUrlError for anything else.
    """
    scheme, _, rest = url.partition(":")
    match scheme:
        case "memory":
            if rest:
                raise StoreUrlError(url, "memory: takes nothing after the colon")
            return MemoryStore()
        case "sqlite":
            return _sqlite(url, rest, data_directory)
        case "supabase":
            return _supabase(url, supabase, timeout)
        case "postgresql":
            return _postgres(url, timeout)
        case _:
            raise StoreUrlError(url, "unknown scheme")


def _supabase(url: str, settings: SupabaseSettings, timeout: float) -> HistoryStore:
    from actors.stores.supabase import SupabaseStore

    if settings.url is None or settings.service_role_key is None:
        raise StoreUrlError(url, "needs SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY")
    return SupabaseStore(settings.url, settings.service_role_key.reveal(), timeout=timeout)


def _postgres(url: str, timeout: float) -> HistoryStore:
    # asyncpg takes a tenth of a second to import, and only this store needs it.
    from actors.stores.postgres import PostgresStore

    try:
        # Settings have been checked; whoever else asks must not name a store after a part of a password.
        StoreUrl(url)
    except ValueError as error:
        raise StoreUrlError(url, str(error)) from None
    address = urlsplit(url)
    where = address.netloc.rpartition("@")[2]
    return PostgresStore(url, f"postgresql:{where}{address.path}", timeout=timeout)


def _sqlite(url: str, rest: str, data_directory: str) -> SqliteStore:
    own = os.path.abspath(os.path.join(data_directory, "forebay.db"))
    if not rest:
        return SqliteStore(own)
    if not rest.startswith("///"):
        raise StoreUrlError(url, "a path is written after three slashes, an absolute one makes it four")
    path = rest.removeprefix("///")
    if path in ("", ":memory:"):
        raise StoreUrlError(url, "a SQLite database without a file is not kept; say memory: if that is meant")
    if "?" in path:
        raise StoreUrlError(url, "options after ? are not known")
    absolute = os.path.abspath(path)
    return SqliteStore(absolute, "sqlite" if absolute == own else f"sqlite:{absolute}")
