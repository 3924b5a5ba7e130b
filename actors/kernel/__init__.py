"""The actor kernel."""

from .actor import Actor, Context, NoSuchActor, OneAtATime, Timer, Worker
from .cell import ActorInfo, CleanUpTimeout, MessageAbandoned, StrayCancellation
from .clock import Clock, Handle, Random, SystemClock
from .events import (
    ActorCrashed,
    ActorEnded,
    ActorRestarted,
    ActorStarted,
    KernelEvent,
    MessageDeadLettered,
    MessagesLeft,
    SupervisorEscalated,
)
from .mailbox import ActorStopped, MailboxFull, Overflow
from .question import AlreadyAsked, AskTimeout, Question
from .ref import ActorRef
from .signals import Signal, Stopping, Terminated
from .supervision import Backoff, ChildSpec, InvalidSpec, RestartKind, Strategy, SupervisorSpec
from .supervisor import StartFailed, SupervisorGaveUp
from .system import ROOT, ActorSystem

__all__ = [
    "ROOT",
    "Actor",
    "ActorCrashed",
    "ActorEnded",
    "ActorInfo",
    "ActorRef",
    "ActorRestarted",
    "ActorStarted",
    "ActorStopped",
    "ActorSystem",
    "AlreadyAsked",
    "AskTimeout",
    "Backoff",
    "ChildSpec",
    "CleanUpTimeout",
    "Clock",
    "Context",
    "Handle",
    "InvalidSpec",
    "KernelEvent",
    "MailboxFull",
    "MessageAbandoned",
    "MessageDeadLettered",
    "MessagesLeft",
    "NoSuchActor",
    "OneAtATime",
    "Overflow",
    "Question",
    "Random",
    "RestartKind",
    "Signal",
    "StartFailed",
    "Stopping",
    "Strategy",
    "StrayCancellation",
    "SupervisorEscalated",
    "SupervisorGaveUp",
    "SupervisorSpec",
    "SystemClock",
    "Terminated",
    "Timer",
    "Worker",
]
