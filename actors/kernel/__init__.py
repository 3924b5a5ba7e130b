"""The actor kernel: actors with bounded mailboxes, in a tree of supervisors, on asyncio.

The words, which are OTP's where OTP has one:

actor       state of its own and a mailbox; deals with one batch of messages at a time
worker      a supervised child without a mailbox: a server, a listener
mailbox     the messages that wait for an actor, at most `capacity`; it survives the actor's crashes
tell, ask   send a message; send a `Question` and await its reply within a deadline
crash       an exception leaves one of an actor's methods; a CancelledError of a stop is none
child spec  how to make a child, when to restart it, how long its shutdown may take
permanent   a child that is always restarted; `transient`: only after a crash; `temporary`: never
supervisor  starts its children in order, stops them in reverse, restarts them by its strategy:
            `one_for_one` the child that ended, `rest_for_one` that and those after it, `one_for_all` all
intensity   how many restarts a supervisor makes within its `period`; one more, and it gives up
escalation  a supervisor that gave up counts as a crashed child of its own supervisor
backoff     the wait before a restart, longer each time within the period, shortened at random
incarnation the life of an actor from its start to its end; the next has the same address and mailbox
redelivery  the batch that an actor died on is given to the next incarnation, one message at a time
dead letter a message that killed its actor again when it was redelivered

A message is lost only where that is said: dead-lettered, dropped by "drop-oldest", or left when its
actor ended for good; each is an event. It may be dealt with twice, after a crash.

An example, which the tests run:

    import asyncio
    from collections.abc import Sequence
    import msgspec
    from actors.kernel import Actor, ActorSystem, ChildSpec, Question, SupervisorSpec

    class Deposit(msgspec.Struct, frozen=True):
        amount: int

    class Balance(Question[int], frozen=True):
        pass

    class Account(Actor[Deposit | Balance]):
        async def started(self) -> None:
            self.balance = 0

        async def receive(self, messages: Sequence[Deposit | Balance]) -> None:
            for message in messages:
                match message:
                    case Deposit(amount):
                        self.balance += amount
                    case Balance():
                        message.reply(self.balance)

    async def main() -> int:
        bank = SupervisorSpec("bank", (ChildSpec("account", Account, capacity=100),))
        async with ActorSystem(bank) as system:
            account = system.ref("account")
            for amount in range(1000):
                await account.tell(Deposit(amount))  # waits whenever 100 deposits wait
            return await account.ask(Balance(), timeout=1.0)

    balance = asyncio.run(main())
"""

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
