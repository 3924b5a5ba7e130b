"""Upgrades and downgrades: version N+1 reads what N wrote; N says clearly what it cannot read of N+1."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from journal.events import LaterFormatError, UnknownEventError
from journal.inspect import Finding
from journal.log import Journal
from journal.reader import journal_id_of, reading, segment_offsets
from tests.journal.building import clock
from tests.journal.driving import tool
from tests.journal.golden.make import HERE
from tests.journal.next_version import ROOT, run_next, write_next_version
from tests.journal.test_golden import assert_holds
from tests.journal.test_inspect_verify import findings_in, names_in

pytestmark = pytest.mark.slow  # whole systems or programs of their own

FORMAT_1 = HERE / "format-1"
OBSERVE = """
import asyncio, json, sys
from pathlib import Path
from tests.journal.golden.observing import folded, recovered, verified
path = Path(sys.argv[1])
print(json.dumps({"verify": verified(path), "fold": asyncio.run(folded(path)), "recover": recovered(path)}))
"""
APPEND = """
import asyncio, sys
from journal.events import CursorAdvanced, MetricsAccepted
from journal.log import Journal
from journal.metric import Metric

async def append():
    journal = await Journal.open(sys.argv[1])
    for what in sys.argv[2:]:
        event = CursorAdvanced("sqlite", 5, 1) if what == "cursor" else MetricsAccepted([Metric(what, 1.0)])
        print((await journal.append([event])).first_offset)
    await journal.close()

asyncio.run(append())
"""


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_next_version(tmp_path_factory.mktemp("next"))


def golden(case: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(FORMAT_1 / case / "journal", tmp_path / "data" / "journal"))


def later(version: Path, journal: Path, *events: str) -> list[int]:
    """The offsets of the events that the next version appended to `journal`."""
    return [int(line) for line in run_next(version, "-c", APPEND, str(journal), *events).split()]


@pytest.mark.parametrize("case", [case.name for case in sorted(FORMAT_1.iterdir())])
def test_the_next_version_reads_every_golden(case: str, version: Path, tmp_path: Path) -> None:
    """Through the upcasters, fold, verification and recovery of version 1 are what they were, and so is the
    dump but for the field that has another name now."""
    path = golden(case, tmp_path)
    lines = run_next(version, "-m", "journal", "dump", str(path), "--json").splitlines()
    before = (FORMAT_1 / case / "dump.ndjson").read_bytes().splitlines()
    for line, was in zip(lines, before, strict=True):
        if b'"cursor-advanced"' in was:
            assert line == was.replace(b'"offset":', b'"before":').replace(b'"before":', b'"offset":', 1)
        else:
            assert line == was
    expected = json.loads((FORMAT_1 / case / "expected.json").read_bytes())
    assert_holds(json.loads(run_next(version, "-c", OBSERVE, str(path))), expected)


async def test_a_later_event_is_an_error_that_names_its_offset(version: Path, tmp_path: Path) -> None:
    """An event of a later version is refused with its offset, and as what another version wrote."""
    path = golden("closed", tmp_path)
    first, *_ = later(version, path, "cursor", "metric")
    async with reading(str(path), segment_offsets(str(path))[0]) as reader:
        events = [(record.base, record) for record in await reader.read()]
    known = [record.events() for base, record in events if base < first]
    assert len(known) > 5
    with pytest.raises(
        UnknownEventError, match=r"unknown event 'cursor-advanced/2'.*another version"
    ) as raised:
        next(record for base, record in events if base == first).events()
    assert raised.value.offset == first


def test_verify_finds_each_later_event_and_dump_goes_on_behind(version: Path, tmp_path: Path) -> None:
    """Metrics and control events of a later version are one finding each, told by `dump` and `verify` alike;
    every line before and behind is printed."""
    path = golden("closed", tmp_path)
    offsets = later(version, path, "metric", "cursor", "metric")
    for found in (findings_in(path), findings_in(path, decode=True)):
        assert [(each.condition, each.offset) for each in found] == [("event", at) for at in offsets]
        assert all("run that version" in str(each) for each in found)
    for flags in ([], ["--json"]):
        done = tool("dump", str(path), *flags)
        assert done.code == 3
        assert [line.split("offset ")[1].split(":")[0] for line in done.err.splitlines()] == [
            str(at) for at in offsets
        ]
    shown = [json.loads(line)["offset"] for line in done.out.splitlines()]
    assert shown == [at for at in range(shown[-1] + 1) if at not in offsets]
    assert shown[-1] > offsets[-1]


@pytest.mark.parametrize("events", [("cursor",), ("metric",), ("metric", "cursor")], ids="-".join)
async def test_a_start_refuses_what_a_later_version_wrote(
    events: tuple[str, ...], version: Path, tmp_path: Path
) -> None:
    """Nothing is appended to a journal that a later version has written to, plain metrics included."""
    path = golden("closed", tmp_path)
    later(version, path, *events)
    before = (path / names_in(path)[-1]).read_bytes()
    with pytest.raises(UnknownEventError, match="run that version"):
        await Journal.open(str(path), now=clock())
    assert (path / names_in(path)[-1]).read_bytes() == before


async def test_the_next_version_takes_back_what_it_wrote(version: Path, tmp_path: Path) -> None:
    """Behind old events stand new ones, and the next version folds and prints both."""
    path = golden("closed", tmp_path)
    later(version, path, "cursor", "metric")
    lines = run_next(version, "-m", "journal", "dump", str(path), "--json").splitlines()
    cursors = [json.loads(line)["event"] for line in lines if b'"cursor-advanced"' in line]
    assert [cursor["before"] for cursor in cursors] == [13, 5]
    assert b"sound" in run_next(version, "-m", "journal", "verify", str(path))


def of_format(path: Path, name: str, version: int) -> None:
    """Give a segment's header another format version, its checksum right."""
    data = bytearray((path / name).read_bytes())
    data[8:12] = version.to_bytes(4, "little")
    data[60:64] = zlib.crc32(data[:60]).to_bytes(4, "little")
    (path / name).write_bytes(data)


@pytest.mark.parametrize("where", [0, -1], ids=["first", "last"])
@pytest.mark.parametrize(
    "command", [("ls",), ("verify",), ("verify", "--json"), ("dump",), ("dump", "--json")]
)
def test_a_segment_of_a_later_format(command: tuple[str, ...], where: int, tmp_path: Path) -> None:
    """Every command says which segment is of which format and what to run, and calls nothing corrupt."""
    path = golden("ordinary", tmp_path)
    name = names_in(path)[where]
    of_format(path, name, 2)
    done = tool(*command, str(path))
    (line,) = done.err.splitlines()
    assert done.code == 2
    assert f"{name}: of a later format, 2; this version of Forebay reads 1" in line
    assert "run the version that wrote it" in line
    assert not {"corrupt", "damaged", "repair"} & set(line.replace("nothing is damaged", "").split())


@pytest.mark.parametrize("where", [0, -1], ids=["first", "last"])
async def test_a_start_and_a_reader_refuse_a_later_format(where: int, tmp_path: Path) -> None:
    """Opening and reading raise LaterFormatError, which names the version, and change nothing."""
    path = golden("ordinary", tmp_path)
    of_format(path, names_in(path)[where], 7)
    before = {name: (path / name).read_bytes() for name in os.listdir(path)}
    with pytest.raises(LaterFormatError) as raised:
        await Journal.open(str(path), now=clock())
    assert raised.value.version == 7
    begin = segment_offsets(str(path))[where]
    async with reading(str(path), begin) as reader:
        with pytest.raises(LaterFormatError):
            await reader.read()
    if where:
        with pytest.raises(LaterFormatError):
            journal_id_of(str(path))
    assert {name: (path / name).read_bytes() for name in os.listdir(path)} == before


@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_a_version_without_its_checksum_is_damage(version: int, tmp_path: Path) -> None:
    """A flipped bit in the version is no later format, and no version was ever 0."""
    path = golden("ordinary", tmp_path)
    name = names_in(path)[0]
    if version:
        data = bytearray((path / name).read_bytes())
        data[8:12] = version.to_bytes(4, "little")
        (path / name).write_bytes(data)
    else:
        of_format(path, name, 0)
    found: list[Finding] = findings_in(path)
    assert ("header", name) in [(each.condition, each.segment) for each in found]


@pytest.mark.slow
@pytest.mark.parametrize(("what", "code"), [("format", 2), ("event", 3), ("metrics", 3)])
def test_run_refuses_in_one_line(what: str, code: int, version: Path, tmp_path: Path) -> None:
    """`forebay run` on a later version's journal leaves at once with one line that says to run that version,
    and with a code at which systemd does not try again."""
    path = golden("closed", tmp_path)
    if what == "format":
        of_format(path, names_in(path)[-1], 2)
    else:
        later(version, path, {"event": "cursor", "metrics": "metric"}[what])
    done = subprocess.run(
        [sys.executable, "-m", "actors", "run", "--data", str(path.parent), "--port", "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    (line,) = done.stderr.splitlines()
    assert "version" in line
    assert "internal error" not in line
