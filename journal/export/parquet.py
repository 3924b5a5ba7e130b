"""Parquet, with the columns of the table `metrics`.

Times are timestamps of nanoseconds in UTC, which hold every time that a metric can have. The attributes
are one column of JSON text: each metric has others, and one name may hold a number here and text there,
for which Parquet's maps and structs have no type; DuckDB, Polars and pandas all read JSON out of a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Any, BinaryIO, Final

import msgspec

from journal.export.rows import Exported, Measured
from journal.framing import FORMAT_VERSION

BATCH_ROWS: Final = 16 * 1024
BATCH_WRITES: Final = 16
"""Rows are held as Python objects until there are so many, or came in so many writes: one is some hundred KiB
of a journal, or a record."""
GROUP_ROWS: Final = 256 * 1024
GROUP_BYTES: Final = 64 * 1024 * 1024
"""A row group is written when it has so many rows, or its columns so many bytes in memory."""

_TEXTS: Final = ("name", "kind", "unit", "source", "session")


class NoParquetError(Exception):
    """pyarrow, which writes Parquet, is not installed."""

    def __init__(self) -> None:
        super().__init__("Parquet needs pyarrow: pip install 'forebay[parquet]', or --format ndjson")


def parquet_library() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet, which have no types. Raises NoParquetError."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise NoParquetError from error


class ParquetSink:
    """Writes a row a metric to `out`, dictionary encoded and compressed with zstd, in bounded row groups.

    Journal, versions, offsets of the first and last row, and `asked` are in the file's metadata, under
    names that begin with `forebay.`. Raises NoParquetError.
    """

    def __init__(self, out: BinaryIO, journal_id: str, asked: dict[str, str]) -> None:
        self._arrow, parquet = parquet_library()
        self._journal_id = journal_id
        self._asked = asked
        self._held: list[Measured] = []
        self._batches: list[Any] = []
        self._writes = self._rows = self._bytes = 0
        self._encode = msgspec.json.Encoder().encode
        self._schema = _schema(self._arrow)
        self._writer = parquet.ParquetWriter(out, self._schema, compression="zstd")

    def write(self, rows: Sequence[Measured]) -> None:
        """Take further rows."""
        self._held += rows
        self._writes += 1
        if len(self._held) >= BATCH_ROWS or self._writes >= BATCH_WRITES:
            self._to_columns()
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._write_group()

    def finish(self, exported: Exported) -> None:
        """Write the last row group and the file's metadata."""
        if self._held:
            self._to_columns()
        if self._batches:
            self._write_group()
        told = {
            "journal_id": self._journal_id,
            "version": metadata.version("forebay"),
            "journal_format": str(FORMAT_VERSION),
            "first_offset": _text(exported.first_offset),
            "last_offset": _text(exported.last_offset),
            **self._asked,
        }
        self._writer.add_key_value_metadata({f"forebay.{name}": text for name, text in told.items()})
        self._writer.close()

    def give_up(self) -> None:
        """See Sink. A writer that is open would write the file's end when it is collected, and complain."""
        self._writer.is_open = False

    def _to_columns(self) -> None:
        rows, array, schema = self._held, self._arrow.array, self._schema
        columns: dict[str, Any] = {
            "journal_id": self._arrow.repeat(self._journal_id, len(rows)),
            "offset": array([row.offset for row in rows], self._arrow.int64()),
            "value": array([row.value for row in rows], self._arrow.float64()),
            "time": array([row.time for row in rows], schema.field("time").type),
            "accepted_at": array([row.accepted_at for row in rows], schema.field("accepted_at").type),
            "attributes": array(list(map(self._attributes, rows)), self._arrow.string()),
        }
        for name in _TEXTS:
            columns[name] = array([getattr(row, name) for row in rows], self._arrow.string())
        batch = self._arrow.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
        self._batches.append(batch)
        self._rows += len(rows)
        self._bytes += batch.nbytes
        self._held, self._writes = [], 0

    def _attributes(self, row: Measured) -> str:
        return self._encode(row.attributes).decode() if row.attributes else "{}"

    def _write_group(self) -> None:
        table = self._arrow.Table.from_batches(self._batches)
        self._writer.write_table(table, row_group_size=self._rows)
        self._batches, self._rows, self._bytes = [], 0, 0


def _schema(arrow: Any) -> Any:
    moment = arrow.timestamp("ns", tz="UTC")
    types = {
        "journal_id": arrow.string(),
        "offset": arrow.int64(),
        "name": arrow.string(),
        "value": arrow.float64(),
        "time": moment,
        "kind": arrow.string(),
        "unit": arrow.string(),
        "source": arrow.string(),
        "session": arrow.string(),
        "attributes": arrow.string(),
        "accepted_at": moment,
    }
    return arrow.schema([arrow.field(name, each, nullable=False) for name, each in types.items()])


def _text(offset: int | None) -> str:
    return "" if offset is None else str(offset)
