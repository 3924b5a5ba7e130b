"""`export` as a person uses it: what is in the file, and that a file is whole or not there."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from journal.events import Event, MetricsAccepted, MetricsAsSent, pack_metrics
from journal.export import Exported, ParquetSink
from journal.export.parquet import GROUP_BYTES, GROUP_ROWS
from journal.inspect import MetricLine
from journal.log import Journal
from journal.metric import MAX_INT64, MIN_INT64, Metric
from tests.journal.building import clock, metrics
from tests.journal.test_inspect_verify import SMALL, flip, names_in, records_of

pytestmark = pytest.mark.slow  # whole systems or programs of their own

ROOT = Path(__file__).parents[2]
ODD: list[Event] = [
    MetricsAccepted(
        [
            Metric("first", -0.0, MIN_INT64, "counter", "°C", "node-ß", "s", {"a": 1, "b": "x", "c": True}),
            Metric("last", 1.7976931348623157e308, MAX_INT64, "timer", attributes={"a": "one", "d": 2.5}),
            Metric("without a time", 5e-324, attributes={"empty": "", "quoted": '"\n\\'}),
        ]
    )
]
SENT = MetricsAsSent(b'[{"name":"sent","value":1},{"name":"sent","value":2,"kind":"event"}]', 2)


async def make(directory: Path, records: int) -> None:
    opened = await Journal.open(str(directory), options=SMALL, now=clock())
    await opened.append(ODD)
    await opened.append([SENT])
    await opened.append([pack_metrics([Metric("packed", 1.0)])])
    for record in range(records):
        await opened.append([metrics(10 * record, 10, text=100)])
    await opened.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Some segments of metrics in every form, with control events between."""
    asyncio.run(make(tmp_path / "data" / "journal", 200))
    return tmp_path / "data"


def journal(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "journal", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)} | options.pop("env", {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def dumped(data: Path, *filters: str) -> list[dict[str, Any]]:
    """The metrics that `dump --json` shows, every field filled in."""
    lines = map(json.loads, journal("dump", data, "--json", *filters).stdout.splitlines())
    unsaid = {"unit": "", "source": "", "session": "", "attributes": {}}
    return [unsaid | line for line in lines if "event" not in line]


def table_in(file: Path | BytesIO) -> list[dict[str, Any]]:
    """The rows of a Parquet file with times as nanoseconds, for which Python has no type."""
    table = pq.read_table(file)
    for name in ("time", "accepted_at"):
        place = table.schema.get_field_index(name)
        assert table.schema.field(name).type == pa.timestamp("ns", "UTC")
        table = table.set_column(place, name, table.column(name).cast(pa.int64()))
    return [row | {"attributes": json.loads(row["attributes"])} for row in table.to_pylist()]


@pytest.mark.parametrize(
    "filters",
    [
        (),
        ("--from", "100", "--until", "300"),
        ("--name", "m1*", "--limit", "7"),
        ("--kind", "counter,timer"),
        ("--source", "node-*"),
        ("--name", "nothing"),
    ],
)
def test_a_parquet_file_has_the_rows_of_the_dump(
    data: Path, tmp_path: Path, filters: tuple[str, ...]
) -> None:
    """With any filter, row for row and field for field, with the journal's id beside."""
    out = tmp_path / "out.parquet"
    done = journal("export", data, out, *filters)
    assert (done.returncode, done.stderr) == (0, "")
    expected = dumped(data, *filters)
    journal_id = json.loads(journal("ls", data, "--json").stdout)["segments"][0]["journal_id"]
    assert table_in(out) == [{"journal_id": journal_id} | line for line in expected]
    count = "1 metric" if len(expected) == 1 else f"{len(expected):,} metrics"
    assert done.stdout.startswith(f"{out}: {count}")


def test_a_parquet_file_says_where_it_is_from(data: Path, tmp_path: Path) -> None:
    """Journal, version, range and filters are in its metadata; columns are as in the table `metrics`."""
    out = tmp_path / "out.parquet"
    journal("export", data, out, "--from", "100", "--name", "m1*", "--name", "m2*")
    file = pq.ParquetFile(out)
    told = {key.decode(): text.decode() for key, text in file.metadata.metadata.items()}
    rows = table_in(out)
    assert told["forebay.journal_id"] == rows[0]["journal_id"]
    assert told["forebay.first_offset"] == str(rows[0]["offset"])
    assert told["forebay.last_offset"] == str(rows[-1]["offset"])
    assert told["forebay.from"] == "100"
    assert told["forebay.name"] == "m1*,m2*"
    assert "forebay.until" not in told
    assert told["forebay.version"]
    said = ", ".join(file.schema_arrow.names)
    assert (
        said == "journal_id, offset, name, value, time, kind, unit, source, session, attributes, accepted_at"
    )
    columns = file.metadata.row_group(0)
    names = range(columns.num_columns)
    assert {columns.column(name).compression for name in names} == {"ZSTD"}
    assert "RLE_DICTIONARY" in columns.column(2).encodings


def test_row_groups_are_bounded() -> None:
    """A row group has few rows and few bytes, however many there are or however large they are."""
    for text, count, each in (("", GROUP_ROWS + 100_000, 1000), ("x" * 20_000, 10_000, 10)):
        out = BytesIO()
        sink = ParquetSink(out, "id", {})
        some = [MetricLine(i, i, i, "gauge", "name", 1.0, attributes={"text": text}) for i in range(each)]
        for _ in range(count // each):
            sink.write(some)
        sink.finish(Exported())
        file = pq.ParquetFile(BytesIO(out.getvalue()))
        assert file.metadata.num_rows == count // each * each
        assert file.num_row_groups > 1
        for group in range(file.num_row_groups):
            assert file.metadata.row_group(group).num_rows < 1.1 * GROUP_ROWS
            assert file.read_row_group(group).nbytes < 1.2 * GROUP_BYTES


@pytest.mark.parametrize("name", ["out.ndjson", "out.jsonl", "out.ndjson.gz"])
def test_json_lines_are_those_of_the_dump(data: Path, tmp_path: Path, name: str) -> None:
    """Byte for byte, without the control events; packed with gzip where the name says so."""
    out = tmp_path / name
    done = journal("export", data, out, "--name", "m*")
    assert (done.returncode, done.stderr) == (0, "")
    text = gzip.decompress(out.read_bytes()) if name.endswith(".gz") else out.read_bytes()
    assert text.decode() == journal("dump", data, "--json", "--name", "m*").stdout


def test_a_pipe_gets_nothing_but_json_lines(data: Path) -> None:
    """`-` is stdout; how much it was is told on stderr."""
    done = journal("export", data, "-", "--limit", "3")
    assert done.returncode == 0
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == [
        "first",
        "last",
        "without a time",
    ]
    assert done.stderr.startswith("-: 3 metrics (offsets ")


def test_what_was_done_as_json(data: Path, tmp_path: Path) -> None:
    """--json is an object with rows, range, bytes and where."""
    out = tmp_path / "out.parquet"
    said = json.loads(journal("export", data, out, "--json").stdout)
    rows = table_in(out)
    assert (said["path"], said["format"], said["rows"]) == (str(out), "parquet", len(rows))
    assert (said["first_offset"], said["last_offset"]) == (rows[0]["offset"], rows[-1]["offset"])
    assert said["bytes"] == out.stat().st_size
    assert said["findings"] == []


def test_flags_may_stand_between_journal_and_file(data: Path, tmp_path: Path) -> None:
    """`export DIR --limit 2 OUT` is understood, and so is a file alone beside ./data."""
    assert journal("export", data, "--limit", "2", tmp_path / "a.ndjson").returncode == 0
    assert journal("export", "--limit", "2", "b.ndjson", cwd=tmp_path).returncode == 0
    assert (tmp_path / "a.ndjson").read_bytes() == (tmp_path / "b.ndjson").read_bytes()


def test_damage_is_told_and_the_rest_exported(data: Path, tmp_path: Path) -> None:
    """A damaged record is left out and named on stderr, exit code 3; the file is there all the same."""
    path = data / "journal"
    name = names_in(path)[1]
    record = records_of(path, name)[3]
    flip(path, name, record.position + 60)
    done = journal("export", data, tmp_path / "out.parquet")
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{name}: byte {record.position}, offset {record.base}: record damaged")
    offsets = {row["offset"] for row in table_in(tmp_path / "out.parquet")}
    assert offsets == {line["offset"] for line in dumped(data)}
    assert not offsets & set(range(record.base, record.next_offset))


def test_a_file_that_is_there_is_kept(data: Path, tmp_path: Path) -> None:
    """Without --force exit code 2 and not a byte changed; with it the file is replaced."""
    out = tmp_path / "out.ndjson"
    out.write_text("mine")
    done = journal("export", data, out)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{out}: is there already; name another file, or --force" in done.stderr
    assert out.read_text() == "mine"
    assert journal("export", data, out, "--force", "--limit", "1").returncode == 0
    assert json.loads(out.read_text())["name"] == "first"


@pytest.mark.parametrize("name", ["out.parquet", "out.ndjson", "out.ndjson.gz"])
def test_a_disk_that_takes_no_more_leaves_no_file(data: Path, tmp_path: Path, name: str) -> None:
    """Exit code 1, one line that says why, and neither the file nor its part."""
    done = journal(
        "export",
        data,
        tmp_path / name,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert f"{tmp_path / name}: cannot be written (File too large)" in line
    assert os.listdir(tmp_path) == ["data"]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_export_that_is_stopped_leaves_no_half_file(tmp_path: Path, sent: int, code: int) -> None:
    """Nothing stands under the name; Ctrl-C takes the part away too, and says nothing."""
    asyncio.run(make(tmp_path / "data" / "journal", 3000))
    out = tmp_path / "out.parquet"
    with subprocess.Popen(
        [sys.executable, "-m", "journal", "export", str(tmp_path / "data"), str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        part = tmp_path / f"out.parquet.part-{process.pid}"
        deadline = time.monotonic() + 30
        while not part.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
        process.send_signal(sent)
        assert process.wait() == code
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert not out.exists()
    assert part.exists() is (sent == signal.SIGKILL)


def test_without_pyarrow(data: Path, tmp_path: Path) -> None:
    """Parquet is refused in one line that says what to install, and JSON lines are not."""
    (tmp_path / "pyarrow.py").write_text("raise ImportError('not here')")
    hidden = {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
    done = journal("export", data, tmp_path / "out.parquet", env=hidden)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "pip install 'forebay[parquet]', or --format ndjson" in line
    assert not list(tmp_path.glob("out.parquet*"))
    assert journal("export", data, tmp_path / "out.ndjson", env=hidden).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("out.csv",), "'out.csv' ends with none of .parquet, .ndjson, .jsonl: add --format"),
        (("out.parquet.gz",), "Parquet is compressed already; leave out .gz"),
        (("-", "--format", "parquet"), "Parquet cannot be written to a pipe; name a file"),
        (("out.ndjson", "--kind", "snapshot"), "'snapshot' is no kind of metric"),
        ((), "the following arguments are required: OUT"),
    ],
)
def test_wrong_usage(data: Path, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2, one line that says what is wrong, and no file."""
    done = journal("export", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert said in line
    assert os.listdir(tmp_path) == ["data"]


def test_a_place_that_cannot_be_written(data: Path, tmp_path: Path) -> None:
    """A directory that is not there, or in the file's place, is named: exit code 1."""
    (tmp_path / "taken.ndjson").mkdir()
    for name, why in (("nowhere/out.ndjson", "No such file"), ("taken.ndjson", "Is a directory")):
        done = journal("export", data, tmp_path / name)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert f"{tmp_path / name}: cannot be written ({why}" in line
