"""Whatever is done to a journal, and whenever the power goes: see the promise in model.py."""

from __future__ import annotations

import asyncio
import errno
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journal.committer import Durability
from journal.log import Options
from tests.journal.model import SEGMENT_BYTES, Model, chooser

pytestmark = pytest.mark.slow

Step: TypeAlias = tuple[str, tuple[object, ...]]

counts = st.lists(st.integers(1, 20), min_size=1, max_size=4)
texts = st.sampled_from([0, 0, 30, 30, 200, 900])
seeds = st.integers(0, 20)
appends: st.SearchStrategy[Step] = st.tuples(st.just("append"), st.tuples(counts, texts))
work: st.SearchStrategy[Step] = st.one_of(
    appends,
    appends,
    st.tuples(st.just("append"), st.tuples(st.just([1]), st.just(12_000))),
    st.tuples(st.just("control"), st.tuples(st.integers(1, 400))),
    st.tuples(st.just("prepare"), st.tuples()),
    st.tuples(st.just("sync"), st.tuples()),
    st.tuples(st.just("retire"), st.tuples(st.integers(1, 3))),
)
ends: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("reopen"), st.tuples()),
    st.tuples(st.just("kill"), st.tuples()),
    st.tuples(st.just("lose_power"), st.tuples(seeds)),
    st.tuples(st.just("stop_after"), st.tuples(st.integers(0, 30), st.booleans())),
)
faults: st.SearchStrategy[Step] = st.one_of(
    st.tuples(
        st.just("fail"),
        st.tuples(
            st.sampled_from(
                ["sync", "sync", "sync", "write", "write", "open", "rename", "remove", "sync_directory"]
            ),
            st.integers(1, 4),
            st.sampled_from([errno.EIO, errno.ENOSPC]),
            st.sampled_from([0.0, 0.5, 1.0]),
        ),
    ),
    st.tuples(st.just("capacity"), st.tuples(st.sampled_from([0, 500, 10_000]))),
    st.tuples(st.just("room"), st.tuples()),
)


async def run(steps: list[Step], durability: Durability) -> None:
    model = Model(Options(segment_bytes=SEGMENT_BYTES, durability=durability, max_commit_offsets=30))
    await model.open()
    for name, arguments in steps:
        await perform(model, name, *arguments)
    await perform(model, "lose_power", 1)
    await model.close()


async def perform(model: Model, name: str, *arguments: object) -> None:
    """One step; afterwards, where the power went during it, the restart."""
    match name:
        case "lose_power":
            await model.lose_power(chooser(*arguments))
        case "stop_after":
            steps, model.kill_only = arguments
            model.disk.cut_power_after(steps)
        case "fail":
            operation, nth, code, share = arguments
            model.disk.fail(operation, nth, code, share)
        case "capacity":
            model.disk.capacity = model.disk.used() + arguments[0]
        case "room":
            model.disk.capacity = None
            await model.prepare()
        case _:
            await getattr(model, name)(*arguments)
    if model.disk.powerless and model.kill_only:
        await model.kill()
    elif model.disk.powerless:
        await model.lose_power(chooser(model.numbers))


CHECKS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=100)


@pytest.mark.parametrize("durability", ["fsync", "interval", "os"])
def test_power_cuts_and_kills(durability: Durability) -> None:
    """On a disk that works, through rolls, retirement and restarts: no power cut or kill at any step loses,
    doubles or invents anything."""

    @CHECKS
    @given(st.lists(st.one_of(work, work, ends), min_size=8, max_size=60))
    def check(steps: list[Step]) -> None:
        asyncio.run(run(steps, durability))

    check()


@pytest.mark.parametrize("durability", ["fsync", "interval"])
def test_power_cuts_on_a_disk_that_fails(durability: Durability) -> None:
    """The same on a disk that fails syncs, writes, renames and runs full."""

    @CHECKS
    @given(st.lists(st.one_of(work, work, faults, faults, ends), min_size=8, max_size=60))
    def check(steps: list[Step]) -> None:
        asyncio.run(run(steps, durability))

    check()
