"""What one subscriber is sent next, and what it missed.

Frames wait in a bounded queue. Where one does not fit, it and all that follow are dropped until half of
the queue is free; then one `gap` frame takes their place, with the exact range. So every offset that is
offered is either delivered or in exactly one gap, in order, and a subscriber that does not read costs no
more than the bound.
"""

from __future__ import annotations

from collections import deque

import msgspec

from journal.metric import Offset
from web.ports import Frame, Gap


def gap_frame(gap: Gap) -> Frame:
    """`gap` as it is sent."""
    return Frame(msgspec.json.encode(gap).decode())


class Outbox:
    """The queue of one subscriber: at most `max_frames` frames of at most `max_bytes` characters together.

    A frame longer than `max_bytes` is taken when nothing else waits. Frames without offsets (status,
    flags) go first; the oldest of them is dropped when more than `max_notices` wait, without a gap: the
    next one says the same or newer.
    """

    def __init__(
        self, max_frames: int = 256, max_bytes: int = 4 * 1024 * 1024, max_notices: int = 16
    ) -> None:
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._frames: deque[Frame] = deque()
        self._notices: deque[Frame] = deque(maxlen=max_notices)
        self._bytes = 0
        self._gap: Gap | None = None
        self.gaps = 0
        """Gaps begun since the subscriber came."""

    def offer(self, frame: Frame) -> None:
        """Take `frame`, or extend the gap by it."""
        if frame.first_offset < 0:
            self._notices.append(frame)
            return
        gap = self._gap
        if gap is not None:
            if not self._half_is_free(frame):
                self._gap = Gap(gap.first_offset, Offset(frame.last_offset), "slow")
                return
            self._gap = None
            self._push(gap_frame(gap))
            self._push(frame)
        elif self._fits(frame):
            self._push(frame)
        else:
            self.gaps += 1
            self._gap = Gap(Offset(frame.first_offset), Offset(frame.last_offset), "slow")

    def take(self) -> Frame | None:
        """The next frame to send; None when there is nothing to say."""
        if self._notices:
            return self._notices.popleft()
        if self._frames:
            frame = self._frames.popleft()
            self._bytes -= len(frame.text)
            return frame
        if self._gap is not None:
            frame, self._gap = gap_frame(self._gap), None
            return frame
        return None

    def _fits(self, frame: Frame) -> bool:
        room = self._max_bytes - len(frame.text)
        return not self._frames or (len(self._frames) < self._max_frames and self._bytes <= room)

    def _half_is_free(self, frame: Frame) -> bool:
        room = self._max_bytes // 2 - len(frame.text)
        return len(self._frames) < self._max_frames // 2 and self._bytes <= room

    def _push(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._bytes += len(frame.text)
