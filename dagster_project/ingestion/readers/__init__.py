"""Everything that turns the bytes of one file into text columns with line numbers; no rule of a feed lives here."""

from __future__ import annotations

from pathlib import Path

from dagster_project.ingestion.mappings import FileFormat
from dagster_project.ingestion.readers.delimited import DelimitedFile
from dagster_project.ingestion.readers.documents import JsonFile, NdjsonFile
from dagster_project.ingestion.readers.source import Needs, RefusedFileError, SourceFile
from dagster_project.ingestion.readers.tables import ExcelFile, ParquetFile

__all__ = ["Needs", "RefusedFileError", "SourceFile", "open_source"]


def open_source(path: Path, layout: FileFormat, needs: Needs) -> SourceFile:
    """Open a file for reading.

    Args:
        path: The file.
        layout: Its format as the mapping declares it.
        needs: Columns the mapping uses.

    Raises:
        RefusedFileError: The file cannot be read as what the mapping says it is.
    """
    if layout.type == "csv":
        return DelimitedFile(path, layout, needs)
    if layout.type == "parquet":
        return ParquetFile(path, needs)
    if layout.type == "excel":
        return ExcelFile(path, layout, needs)
    return NdjsonFile(path, layout, needs) if layout.type == "ndjson" else JsonFile(path, layout, needs)
