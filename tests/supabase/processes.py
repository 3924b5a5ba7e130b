"""Processes, ports and directories that never outlive the process that wanted them."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "supabase"
SHARED_MEMORY = Path("/dev/shm")
ROOMY = 4 * 1024**3
STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""Signals that ask this process to end, which a handler may do by raising, wherever it is just then."""
LIMIT = 60.0
"""Seconds after which a service that does not start or stop has failed to."""


class Account(NamedTuple):
    """The user under which a service runs that refuses to run as root."""

    uid: int
    gid: int

    def reaches(self, path: Path) -> bool:
        """Whether this user may pass through every folder above `path` and read it."""
        return self.enters(path.resolve().parent) and self._may(path, 0o4)

    def enters(self, folder: Path) -> bool:
        """Whether this user may pass through `folder` and every folder above it."""
        folder = folder.resolve()
        return all(self._may(part, 0o1) for part in (folder, *folder.parents))

    def _may(self, path: Path, bit: int) -> bool:
        status = path.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & (bit << 6))
        if status.st_gid == self.gid:
            return bool(status.st_mode & (bit << 3))
        return bool(status.st_mode & bit)


def service_account() -> Account | None:
    """`nobody` for root, None for everyone else: they run services as themselves."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


class PortTakenError(Exception):
    """Somebody listens on the port that was asked for."""

    def __init__(self, port: int, what: str) -> None:
        self.port = port
        super().__init__(f"port {port} for {what} is taken: stop who listens there, or choose another")


class StartError(Exception):
    """A service ended, or did not become ready, when it was started; its last words are in the message."""

    def __init__(self, what: str, reason: str, log: Path) -> None:
        self.log = log
        words = log.read_text(errors="replace")[-2000:].strip() if log.exists() else ""
        super().__init__(f"{what} did not start: {reason}\n{words}".rstrip())


def port_is_free(port: int) -> bool:
    """Whether `port` of 127.0.0.1 can be listened on now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _ports() -> Iterator[int]:
    """Every port of this process's share, over and over, from any on: each test worker has one of its own,
    and one is for whoever is no test, such as what a test has started and given some of its ports."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    lowest = 20_000 + (worker % 5 if "pytest" in sys.modules else 5) * 2_000
    start = random.randrange(2_000)
    return itertools.cycle([lowest + (start + step) % 2_000 for step in range(2_000)])


_turn = _ports()


def free_port() -> int:
    """A port on which nobody listens, outside the range from which the kernel takes the near ends of outgoing
    connections, and not given to anybody else soon: so a stopped service finds its own port free again."""
    return next(port for port in _turn if port_is_free(port))


@contextlib.contextmanager
def undisturbed() -> Generator[None]:
    """What is done within is done whole: a signal that asks to stop is told to its handler behind it.

    So a thing is never made without being noted: the handler may raise between any two instructions.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers run in the main thread alone
        return
    came: list[int] = []
    handlers = {number: handler for number in STOPPING if callable(handler := signal.getsignal(number))}
    try:
        for number in handlers:
            signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


class _Reaper:
    """The one `reaper.py` of this process, started when first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def tell(self, line: str) -> None:
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(HERE / "reaper.py")],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    cwd="/",
                    text=True,
                    start_new_session=True,
                )
                atexit.register(self._close)
            assert self._process.stdin is not None
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _close(self) -> None:
        assert self._process is not None
        with self._process:  # closes its input and waits
            pass


_reaper = _Reaper()


@contextlib.contextmanager
def scratch_directory(account: Account | None, *, in_memory: bool = False) -> Generator[Path]:
    """A directory for `account` alone, removed with all that is in it however this process ends.

    `in_memory` is a wish: it is on disk where the machine has less than `ROOMY` bytes of shared memory free.
    """
    places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    place = next((p for p in places if account is None or account.reaches(p)), places[-1])
    if in_memory and SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free >= ROOMY:
        place = SHARED_MEMORY
    with undisturbed():
        made = Path(tempfile.mkdtemp(prefix="forebay-", dir=place))
        _reaper.tell(f"+dir {made}")
    try:
        if account is not None:
            os.chown(made, account.uid, account.gid)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        # Whoever still writes there is ended by the reaper, which then removes the rest.
        if not made.exists():
            _reaper.tell(f"-dir {made}")


def _lives(process: psutil.Process) -> bool:
    """Whether `process` still does anything; one that nobody has waited for yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Service:
    """A process of its own session; its output goes to `log`. It ends with this process at the latest: `last`
    is the signal that then tells it to end at once."""

    def __init__(self, what: str, log: Path, account: Account | None, last: signal.Signals) -> None:
        self.what = what
        self.log = log
        self._account = account
        self._last = last
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether there is a process that has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the running process."""
        assert self._process is not None, f"{self.what} does not run"
        return self._process.pid

    def start(self, command: Sequence[str], env: Mapping[str, str], ready: Callable[[], bool]) -> None:
        """Start `command` and wait until `ready`. Raises StartError if it ends or `LIMIT` passes before."""
        assert not self.running, f"{self.what} runs already"
        with self.log.open("ab") as log, undisturbed():
            self._process = subprocess.Popen(
                command,
                env=env,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self._account.uid if self._account else None,
                group=self._account.gid if self._account else None,
                extra_groups=[] if self._account else None,
            )
            _reaper.tell(f"+pid {self.pid} {self._last}")
        deadline = time.monotonic() + LIMIT
        while not ready():
            if not self.running:
                raise StartError(self.what, f"it ended with {self._process.returncode}", self.log)
            if time.monotonic() > deadline:
                self.kill()
                raise StartError(self.what, f"not ready within {LIMIT:g} s", self.log)
            time.sleep(0.005)

    def stop(self, number: signal.Signals) -> None:
        """Send signal `number` and wait for the end; SIGKILL follows after `LIMIT`."""
        if not self.running:
            return
        self.signal(signal.SIGCONT)
        assert self._process is not None
        self._process.send_signal(number)
        try:
            self._process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()
        _reaper.tell(f"-pid {self._process.pid}")

    def kill(self) -> None:
        """SIGKILL to the process and all that it has started, and wait until they are gone."""
        if not self.running:
            return
        assert self._process is not None
        children = psutil.Process(self.pid).children(recursive=True)
        self._process.kill()
        self._process.wait()
        # children started since the list was made notice by themselves that their parent is gone
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        while any(map(_lives, children)):
            time.sleep(0.002)
        _reaper.tell(f"-pid {self._process.pid}")

    def signal(self, number: signal.Signals) -> None:
        """Send signal `number` to the process and all that it has started."""
        process = psutil.Process(self.pid)
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(number)
