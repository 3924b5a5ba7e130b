from __future__ import annotations

from tests.supabase.fixtures import *  # noqa: F403 - fixtures: what of them is meant stands there
