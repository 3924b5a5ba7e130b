"""Work on several cores, its results in order."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")


def in_order(work: Callable[[T], R], each: Sequence[T], jobs: int) -> Generator[R]:
    """What `work` returns for each, in order: by `jobs` processes, or by this one where there is but one job.

    Few results wait at a time, however much there is to do. What `work` raises ends it. Must not be asked
    for more than one job by a process that has threads: the others are forked from it.
    """
    if jobs < 2 or len(each) < 2:
        yield from map(work, each)
        return
    # Every command of the tool starts by importing this module, and few need these.
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    fork = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(min(jobs, len(each)), mp_context=fork, initializer=_leave_ctrl_c_alone)
    waiting: deque[Future[R]] = deque()
    try:
        for one in each:
            waiting.append(pool.submit(work, one))
            if len(waiting) > 2 * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_ctrl_c_alone() -> None:
    # A terminal sends it to all of the group; the process that forked this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
