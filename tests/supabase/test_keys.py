from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path

from tests.supabase.env_file import write_env_file
from tests.supabase.keys import Keys, kept_keys, new_keys


def test_a_key_is_signed_and_names_its_role() -> None:
    """The signature is HMAC-SHA-256 of the two parts before it; the claims are those of Supabase's keys."""
    keys = new_keys()
    head, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in keys.anon.split("."))
    signed = keys.anon.rpartition(".")[0].encode()
    assert json.loads(head) == {"alg": "HS256", "typ": "JWT"}
    assert hmac.digest(keys.secret.encode(), signed, hashlib.sha256) == signature
    assert {"role": "anon", "iss": "supabase"}.items() <= json.loads(claims).items()
    assert json.loads(claims)["exp"] > json.loads(claims)["iat"]


def test_secrets_are_long_and_differ() -> None:
    """PostgREST asks for 32 characters; no two projects have the same secret, keys or password."""
    first, second = new_keys(), new_keys()
    assert len(first.secret) >= 32
    assert not {first.anon, first.service_role, first.database_password} & {
        second.anon,
        second.service_role,
        second.database_password,
    }


def test_kept_keys_come_back(tmp_path: Path) -> None:
    """The second call finds the secret of the first, in a file for its owner alone."""
    path = tmp_path / "project" / "secret"
    assert kept_keys(path) == kept_keys(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keys(path.read_text().strip()).anon == kept_keys(path).anon


def test_an_env_file_keeps_the_lines_of_others(tmp_path: Path) -> None:
    """Own variables are replaced, exported or not; every other line stays, and only the owner may read."""
    path = tmp_path / ".env"
    path.write_text("# mine\nFOREBAY_TOKEN=t\nSUPABASE_URL=old\nexport KEY=old\n")
    write_env_file(path, {"SUPABASE_URL": "new", "KEY": "also new"})
    assert path.read_text() == "# mine\nFOREBAY_TOKEN=t\nSUPABASE_URL=new\nKEY=also new\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
