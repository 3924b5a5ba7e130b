from __future__ import annotations

from pathlib import Path

import pytest

from actors.config import Settings
from actors.config.secret import StoreUrl
from actors.stores.factory import StoreUrlError, make_store, make_stores
from actors.stores.memory import MemoryStore
from actors.stores.sqlite import SqliteStore


@pytest.mark.parametrize(
    ("url", "path", "name"),
    [
        ("sqlite:", "/data/forebay.db", "sqlite"),
        ("sqlite:////data/forebay.db", "/data/forebay.db", "sqlite"),
        ("sqlite:////srv/other.db", "/srv/other.db", "sqlite:/srv/other.db"),
        ("sqlite:////srv/50% a#b.db", "/srv/50% a#b.db", "sqlite:/srv/50% a#b.db"),
    ],
)
def test_sqlite_urls_name_a_file(url: str, path: str, name: str) -> None:
    """The path is what follows the third slash, as it stands; the store in the data directory is `sqlite`."""
    store = make_store(url, "/data")
    assert isinstance(store, SqliteStore)
    assert (store.path, store.name) == (path, name)


def test_a_relative_path_is_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes and a name without one: relative, as SQLAlchemy reads it."""
    monkeypatch.chdir(tmp_path)
    store = make_store("sqlite:///some/x.db", "/data")
    assert isinstance(store, SqliteStore)
    assert store.path == str(tmp_path / "some" / "x.db")


def test_memory_is_a_store() -> None:
    """`memory:` keeps nothing beyond the process."""
    assert isinstance(make_store("memory:", "/data"), MemoryStore)


@pytest.mark.parametrize(
    "url",
    ["", "forebay.db", "mysql://u:secret@h/db", "memory://x", "sqlite://", "sqlite:///", "sqlite:///:memory:",
     "sqlite:x.db", "sqlite://host/x.db", "sqlite:///x.db?mode=ro"],
)  # fmt: skip
def test_other_urls_are_refused_with_what_is_allowed(url: str) -> None:
    """The error names the scheme and the allowed forms, and never the rest, which may hold a password."""
    with pytest.raises(StoreUrlError, match="allowed: sqlite:///PATH") as refused:
        make_store(url, "/data")
    assert "secret" not in str(refused.value)


def test_a_store_named_twice_is_refused(tmp_path: Path) -> None:
    """Two stores of one name would keep their cursors in the same place."""
    urls = [StoreUrl("sqlite:///a.db"), StoreUrl(f"sqlite:///{tmp_path}/b.db")]
    assert len(make_stores(Settings(store=tuple(urls)), str(tmp_path))) == 2
    with pytest.raises(StoreUrlError, match="named twice"):
        make_stores(Settings(store=(*urls, urls[0])), str(tmp_path))


def test_supabase_without_its_variables_says_which(tmp_path: Path) -> None:
    """Address and key come from the settings, and the error names what is missing."""
    with pytest.raises(StoreUrlError, match="SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY"):
        make_store("supabase:", str(tmp_path))


def test_a_postgres_store_is_named_after_its_place_and_not_its_password(tmp_path: Path) -> None:
    """The name is in the cursor's key, in logs and on the page."""
    store = make_store("postgresql://me:secret@db.example:6543/metrics?sslmode=require", str(tmp_path))
    assert store.name == "postgresql:db.example:6543/metrics"


def test_a_password_that_is_not_escaped_names_no_store(tmp_path: Path) -> None:
    """Whoever makes a store without having read settings is refused as those would be."""
    with pytest.raises(StoreUrlError, match="escape") as refused:
        make_store("postgresql://app:1234/s3cret@127.0.0.1:1/db", str(tmp_path))
    assert "s3cret" not in str(refused.value)
