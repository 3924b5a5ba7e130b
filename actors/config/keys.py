"""Every setting by name: its kind, its variable, its flag, and one line that says what it is for."""

from __future__ import annotations

from typing import NamedTuple

from actors.config.kinds import (
    DAY,
    Kind,
    boolean,
    choice,
    duration,
    http_url,
    names,
    number,
    secret,
    size,
    stores,
    text,
    whole,
)
from actors.config.settings import MIB

SECTIONS = ("metrics_persister", "resilience", "supabase")
"""The tables of forebay.toml. Their variables keep the names of the system that Forebay replaces."""


class Key(NamedTuple):
    """A setting. `name` is its path in forebay.toml and in Settings, with a dot after the table."""

    name: str
    kind: Kind
    help: str
    flag: str | None = None
    metavar: str | None = None

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        prefix = "" if "." in self.name else "FOREBAY_"
        return prefix + self.name.replace(".", "_").upper()


_HOST = r"[A-Za-z0-9_.:%-]+"
_NAME = r"[A-Za-z0-9_.-]+|\[?[0-9A-Fa-f:.]+\]?"
_VISIBLE = r"[!-~]+"
_POSTGRES_URL = r"(?s)postgres(ql)?://[^/\s]+.*"

KEYS: tuple[Key, ...] = (
    Key(
        "data",
        text("a directory", r"[^\0]+"),
        "where the journal and the embedded store are kept",
        "--data",
        "DIR",
    ),
    Key(
        "host",
        text("an address or host name, as in 127.0.0.1 or ::1", _HOST),
        "where to listen",
        "--host",
        "ADDRESS",
    ),
    Key("port", whole(0, 65535), "where to listen; 0 lets the system choose", "--port", "NUMBER"),
    Key("store", stores(), "where metrics go; more than one is allowed", "--store", "URL"),
    Key(
        "token",
        secret("visible ASCII characters without spaces", _VISIBLE),
        "what clients must send as Bearer",
    ),
    Key(
        "allowed_hosts",
        names("host names without port, as in metrics.example.org", _NAME),
        "names besides localhost that browsers may call the server by",
    ),
    Key(
        "max_connections",
        whole(16, 1_000_000),
        "connections open at once, and no more than the system has files; a further one gets 503",
    ),
    Key("max_subscribers", whole(1, 1_000_000), "WebSockets open at once; a further one gets 503"),
    Key("max_body", size(1024, 1024 * MIB), "largest request body, after decompression"),
    Key("max_in_flight", size(1024), "bodies taken and not yet answered; above it clients are told to wait"),
    Key(
        "durability",
        choice("fsync", "interval", "os"),
        "what a reply promises: fsync (on disk), interval (on disk soon), os (handed over)",
        "--durability",
        "WHICH",
    ),
    Key("sync_interval", duration(0.001, 60.0), "time between syncs with durability interval"),
    Key("segment_bytes", size(MIB, 2 * 1024 * MIB), "size of a journal segment"),
    Key("keep_days", duration(0.0, 36500.0, unit=DAY), "how long persisted metrics stay in the journal"),
    Key("keep_bytes", size(0), "how much of them stays in the journal"),
    Key("frames_per_second", number(0.1, 60.0), "live frames to each subscriber"),
    Key(
        "log_level",
        choice("debug", "info", "warning", "error"),
        "what is worth a line",
        "--log-level",
        "LEVEL",
    ),
    Key(
        "log_format",
        choice("auto", "human", "json"),
        "how lines look; auto is human on a terminal, json otherwise",
        "--log-format",
        "FORMAT",
    ),
    Key(
        "ingest_mailbox",
        whole(1, 10_000_000),
        "requests that may wait for the journal; above it clients get 503",
    ),
    Key("store_batch_rows", whole(1, 1_000_000), "metrics in one write to a store, at most"),
    Key("store_timeout", duration(0.1, 3600.0), "time that one call to a store may take"),
    Key(
        "store_keep_days",
        duration(0.0, 36500.0, unit=DAY),
        "how long a Postgres store keeps metrics, by partition; 0 for ever",
    ),
    Key("dlq_max_items", whole(1, 100_000), "dead letters kept; beyond it the oldest expire"),
    Key("dlq_max_age_days", duration(0.01, 36500.0, unit=DAY), "how long a dead letter is kept"),
    Key(
        "dlq_hold_after",
        whole(0, 1_000_000),
        "refusals in a row after which the table is to blame and all wait; 0 for never",
    ),
    Key(
        "realtime",
        choice("auto", "on", "off"),
        "publish frames on Supabase Realtime: auto while a page listens, on always, off never",
    ),
    Key(
        "realtime_messages_per_second",
        whole(1, 100_000),
        "messages published, at most; the free plan allows 100",
    ),
    Key("realtime_payload_bytes", size(4096, 3_000_000), "largest message; the free plan allows 256 KB"),
    Key("metrics_persister.circuit_breaker_threshold", whole(1, 1_000_000), "failures that open the breaker"),
    Key(
        "metrics_persister.circuit_breaker_timeout",
        duration(0.001, 86400.0),
        "time until an open breaker probes",
    ),
    Key(
        "metrics_persister.retry_max_attempts", whole(1, 1_000_000), "attempts at a batch, the first included"
    ),
    Key("metrics_persister.retry_backoff_factor", number(1.0, 100.0), "growth of the wait between attempts"),
    Key("metrics_persister.dlq_enabled", boolean(), "whether poison becomes dead letters"),
    Key("metrics_persister.graceful_shutdown_timeout", duration(0.0, 86400.0), "time to drain on shutdown"),
    Key("resilience.metrics_persister_enabled", boolean(), "whether metrics are persisted at all"),
    Key("resilience.circuit_breaker_enabled", boolean(), "whether there is a circuit breaker"),
    Key("resilience.retry_enabled", boolean(), "whether failed batches are tried again"),
    Key("resilience.dlq_enabled", boolean(), "whether there is a dead-letter queue"),
    Key("resilience.graceful_shutdown_enabled", boolean(), "whether shutdown drains the stores"),
    Key("supabase.url", http_url(), "the project's address"),
    Key(
        "supabase.service_role_key", secret("a key without spaces", _VISIBLE), "key that Forebay writes with"
    ),
    Key("supabase.anon_key", secret("a key without spaces", _VISIBLE), "key that browsers read with"),
    Key(
        "supabase.db_url",
        secret("postgresql://USER@HOST/DATABASE", _POSTGRES_URL),
        "database, for `forebay db`",
    ),
    Key(
        "supabase.jwt_secret",
        secret("a secret without spaces", _VISIBLE),
        "signs the short-lived tokens by which pages listen to Realtime",
    ),
)

BY_NAME = {key.name: key for key in KEYS}
BY_VARIABLE = {key.variable: key for key in KEYS}
