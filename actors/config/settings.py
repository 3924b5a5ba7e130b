"""What can be set, with its default: the fields of these Structs. `keys` says how each is written."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from actors.config.secret import Secret, StoreUrl
from web.ports import Durability

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
RealtimeSwitch: TypeAlias = Literal["auto", "on", "off"]
LogFormat: TypeAlias = Literal["auto", "human", "json"]

MIB = 1024 * 1024


class PersisterSettings(msgspec.Struct, frozen=True):
    """How the persistence actors meet errors. Times are seconds."""

    circuit_breaker_threshold: int = 5
    circuit_breaker_timeout: float = 60.0
    retry_max_attempts: int = 3
    retry_backoff_factor: float = 2.0
    dlq_enabled: bool = True
    graceful_shutdown_timeout: float = 30.0


class ResilienceSettings(msgspec.Struct, frozen=True):
    """Which patterns are there at all. Without one, nothing is dropped for its absence."""

    metrics_persister_enabled: bool = True
    circuit_breaker_enabled: bool = True
    retry_enabled: bool = True
    dlq_enabled: bool = True
    graceful_shutdown_enabled: bool = True


class SupabaseSettings(msgspec.Struct, frozen=True):
    """The Supabase project that a `supabase:` store writes to."""

    url: str | None = None
    service_role_key: Secret | None = None
    anon_key: Secret | None = None
    db_url: Secret | None = None
    jwt_secret: Secret | None = None


class Settings(msgspec.Struct, frozen=True):
    """All that can be set. Sizes are bytes, times seconds unless the name says days."""

    data: str = "data"
    host: str = "127.0.0.1"
    port: int = 8420
    store: tuple[StoreUrl, ...] = ()
    """Never empty once loaded: the embedded store of `data` where none is named."""
    token: Secret | None = None
    allowed_hosts: tuple[str, ...] = ()
    max_connections: int = 10_000
    max_subscribers: int = 2_000
    max_body: int = 8 * MIB
    max_in_flight: int = 64 * MIB
    durability: Durability = "fsync"
    sync_interval: float = 0.1
    segment_bytes: int = 64 * MIB
    keep_days: float = 7.0
    keep_bytes: int = 10_000_000_000
    frames_per_second: float = 10.0
    log_level: LogLevel = "info"
    log_format: LogFormat = "auto"
    ingest_mailbox: int = 4096
    store_batch_rows: int = 16_384
    store_timeout: float = 30.0
    store_keep_days: float = 0.0
    """0: for ever."""
    dlq_max_items: int = 10_000
    dlq_max_age_days: float = 90.0
    dlq_hold_after: int = 1_000
    """0: never."""
    realtime: RealtimeSwitch = "auto"
    realtime_messages_per_second: int = 80
    realtime_payload_bytes: int = 250_000
    metrics_persister: PersisterSettings = PersisterSettings()
    resilience: ResilienceSettings = ResilienceSettings()
    supabase: SupabaseSettings = SupabaseSettings()
