"""What asking the queue can come to, other than an answer."""

from __future__ import annotations

from typing import Final

from actors.kernel import ActorStopped, AskTimeout, MailboxFull, MessageAbandoned
from journal.committer import JournalFailedError, JournalFullError
from journal.log import JournalClosedError

UNANSWERED: Final = (
    ActorStopped,
    AskTimeout,
    MailboxFull,
    MessageAbandoned,
    JournalFullError,
    JournalFailedError,
    JournalClosedError,
)
"""The queue is stopping, stuck, full or dead, or its journal takes nothing."""
