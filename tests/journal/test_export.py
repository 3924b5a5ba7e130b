"""A journal as a file for notebooks: what is in it, and that it is there whole or not at all."""

from __future__ import annotations

import gc
import gzip
import json
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from journal.__main__ import main
from journal.export import Exported, ParquetSink, export
from journal.inspect import Selection
from tests.journal.test_inspect_verify import make_journal


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "journal"
    await make_journal(path)
    return path


def dumped(journal: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Every metric as `dump --json` shows it."""
    assert main(["dump", str(journal), "--json"]) == 0
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    return [line for line in lines if "name" in line]


async def test_json_lines_are_those_of_dump(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every metric and no control event, zipped where the name says so."""
    wanted = dumped(journal, capsys)
    plain, zipped = journal.parent / "all.ndjson", journal.parent / "all.jsonl.gz"
    assert main(["export", str(journal), str(plain)]) == 0
    assert main(["export", str(journal), str(zipped)]) == 0
    assert [json.loads(line) for line in plain.read_text().splitlines()] == wanted
    assert gzip.decompress(zipped.read_bytes()) == plain.read_bytes()


async def test_parquet_has_each_metric(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Offsets, names, values and attributes are those of dump, in its order."""
    wanted = dumped(journal, capsys)
    out = journal.parent / "all.parquet"
    assert main(["export", str(journal), str(out)]) == 0
    rows = parquet.read_table(out, columns=["offset", "name", "value", "attributes"]).to_pylist()
    assert [(row["offset"], row["name"], row["value"], json.loads(row["attributes"])) for row in rows] == [
        (each["offset"], each["name"], each["value"], each.get("attributes", {})) for each in wanted
    ]


async def test_a_file_that_is_there_already(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is kept as it is, unless --force says otherwise."""
    out = journal.parent / "all.ndjson"
    out.write_text("mine")
    assert main(["export", str(journal), str(out)]) == 2
    assert out.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert main(["export", str(journal), str(out), "--force"]) == 0
    assert out.read_text() != "mine"


class Interrupting(ParquetSink):
    """As after Ctrl-C, with rows written and others held."""

    def finish(self, exported: Exported) -> None:
        self._to_columns()
        self._write_group()
        raise KeyboardInterrupt


async def test_what_is_interrupted_ends_quietly(journal: Path) -> None:
    """A Parquet file that was broken off is not ended when it is let go of: its file is closed by then, and
    that would show as a traceback."""
    with open(journal.parent / "cut.parquet", "wb") as out:  # noqa: ASYNC230 - as the command does
        sink = Interrupting(out, "id", {})
        with pytest.raises(KeyboardInterrupt):
            export(str(journal), Selection(), sink, lambda finding: None)
    size = (journal.parent / "cut.parquet").stat().st_size
    del sink
    gc.collect()
    assert (journal.parent / "cut.parquet").stat().st_size == size
