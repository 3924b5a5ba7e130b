"""Metrics of a journal as a file for notebooks: Parquet or JSON lines.

    output   a file that is there whole or not at all
    ndjson   lines as `dump --json` prints them
    parquet  the columns of the table `metrics`
    rows     what is exported, in constant memory

A further format is a module with a Sink, and a line in journal/cli/export.py.
"""

from journal.export.ndjson import NdjsonSink
from journal.export.output import CannotWriteError, FileInTheWayError, whole_file
from journal.export.parquet import NoParquetError, ParquetSink
from journal.export.rows import Exported, Sink, export, identity

__all__ = [
    "CannotWriteError",
    "Exported",
    "FileInTheWayError",
    "NdjsonSink",
    "NoParquetError",
    "ParquetSink",
    "Sink",
    "export",
    "identity",
    "whole_file",
]
