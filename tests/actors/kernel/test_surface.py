from __future__ import annotations

import inspect
import textwrap
from typing import Any

import actors.kernel as kernel

SURFACE = """
    ROOT Actor ActorCrashed ActorEnded ActorInfo ActorRef ActorRestarted ActorStarted ActorStopped ActorSystem
    AlreadyAsked AskTimeout Backoff ChildSpec CleanUpTimeout Clock Context Handle InvalidSpec KernelEvent
    MailboxFull MessageAbandoned MessageDeadLettered MessagesLeft NoSuchActor OneAtATime Overflow Question
    Random RestartKind Signal StartFailed Stopping Strategy StrayCancellation SupervisorEscalated
    SupervisorGaveUp SupervisorSpec SystemClock Terminated Timer Worker
"""


def test_the_public_surface_is_what_was_agreed() -> None:
    """A name is added to or taken from the kernel only together with this list."""
    assert sorted(kernel.__all__) == sorted(SURFACE.split())


def test_every_public_name_says_what_it_is() -> None:
    """Whatever is public and can carry a docstring of its own has one."""
    silent = [
        name
        for name in kernel.__all__
        if inspect.isclass(getattr(kernel, name)) and not getattr(kernel, name).__doc__
    ]
    assert silent == []


def example() -> str:
    """The code at the end of the package's docstring."""
    text = inspect.cleandoc(kernel.__doc__ or "")
    return textwrap.dedent(text.partition("which the tests run:\n")[2])


def test_the_example_runs() -> None:
    """The example of the docstring does what it shows: 1000 deposits through a mailbox of 100."""
    scope: dict[str, Any] = {}
    exec(compile(example(), "example", "exec"), scope)
    assert scope["balance"] == sum(range(1000))


def test_the_example_can_be_taken_in_at_a_glance() -> None:
    """The example has at most 30 lines that are not blank."""
    lines = [line for line in example().splitlines() if line.strip()]
    assert 20 <= len(lines) <= 30
