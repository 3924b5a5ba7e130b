"""What goes wrong at the peer, switched by assigning to it; and the limits of its plan."""

from __future__ import annotations

import msgspec


class Faults(msgspec.Struct, forbid_unknown_fields=True):
    """What is wrong from now on; as made, nothing is. Numbers of messages count what is published."""

    drop_every: int = 0
    """Every n-th message reaches nobody; 0: none."""
    duplicate_every: int = 0
    """Every n-th message is delivered twice; 0: none."""
    delay: float = 0.0
    """Seconds that a message takes to its subscribers, on top."""
    refuse_joins: str = ""
    """The reason that every join is refused for: `Code: text`."""
    black_hole: bool = False
    """Whatever is sent is accepted and never answered, and nothing is delivered."""
    http_status: int = 0
    """What `POST …/broadcast` is answered instead, taking nothing; 0: as ever."""
    http_retry_after: int = 0
    """Seconds in the Retry-After of that answer; 0: none."""


class Limits(msgspec.Struct, frozen=True):
    """A plan's limits and the server's time-outs, in seconds; by default what was seen at the product."""

    messages_per_second: int = 100
    payload_bytes: int = 3_000_000
    body_bytes: int = 8_000_000
    frame_bytes: int = 5_000_000
    idle: float = 66.0
    """Without a word from the client."""
    join_refusal: float = 5.0
    """Until a refused join is answered."""
    handshake_refusal: float = 2.0
    """Until a handshake with a bad key is answered."""


QUICK = Limits(join_refusal=0.05, handshake_refusal=0.05)
"""The same for tests, which do not wait for refusals."""
