"""Who may read and write a private channel: row-level security on realtime.messages, imitated."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from tests.realtime.tokens import Claims


class Access(NamedTuple):
    """What the policies for `select` (read) and `insert` (write) say."""

    read: bool
    write: bool


Authorise: TypeAlias = Callable[[Claims, str], Access]
"""Decides by the claims of a token and the topic, without its prefix `realtime:`."""


def forebay_policies(claims: Claims, topic: str) -> Access:
    """As sql/supabase has them: every browser listens to `forebay:…`, service_role alone sends, and nobody
    else does anything anywhere."""
    if claims.role == "service_role":
        return Access(read=True, write=True)
    return Access(read=claims.role in ("anon", "authenticated") and topic.startswith("forebay:"), write=False)
