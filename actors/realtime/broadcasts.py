"""What can be wrong with a batch, and where batches go."""

from __future__ import annotations

from typing import Protocol

from actors.stores.base import StoreError

NAME = "realtime"
"""Whom errors and the breaker are about."""


class TooLargeError(StoreError):
    """A message or the whole body is larger than the plan allows."""

    kind = "poison"


class Broadcasts(Protocol):
    """Where batches go."""

    async def send(self, batch: bytes) -> None:
        """Return when `batch` has been taken. Raises OutageError, ThrottledError, DeniedError, TooLargeError.

        A time-out is ambiguous: it may have been taken. Frames are folded by offset, so that twice is once.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
