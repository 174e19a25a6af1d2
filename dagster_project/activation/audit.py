"""Remembers who took which list: an append-only file while the warehouse is closed, a journal once a night opens it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.activation.journals import PULLS
from dagster_project.errors import CrmError
from dagster_project.settings import Settings
from dagster_project.warehouse import replace_table

if TYPE_CHECKING:
    import duckdb

_OWNER_DIRECTORY = 0o700
_OWNER_FILE = 0o600
_DECLARED = {"as_of_date": "date", **PULLS.columns}
_TYPES: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "varchar": pl.String,
    "bigint": pl.Int64,
    "date": pl.Date,
    "timestamp": pl.Datetime("us"),
}


@dataclass(frozen=True)
class Pull:
    """One time a person took a list: a row of `journal.pulls`.

    Args:
        as_of_date: The night of the list.
        segment: Whose list.
        pulled_at: When, in UTC.
        pulled_by: Who, as the machine knows them.
        definition_sha256: Version of settings and SQL.
        checksum: Of the list.
        layout: How it was written.
        content: `full` or `delta`.
        row_count: How many people it holds.
    """

    as_of_date: date
    segment: str
    pulled_at: datetime
    pulled_by: str
    definition_sha256: str
    checksum: str
    layout: str
    content: str
    row_count: int


def pulls_path(settings: Settings) -> Path:
    """The file that remembers."""
    return settings.data_dir / "audit" / "pulls.jsonl"


def note_pull(settings: Settings, pull: Pull) -> None:
    """Append one line and have it on the disk before the list is handed out.

    Args:
        settings: Where the data directory is.
        pull: Who took what.

    Raises:
        CrmError: The file cannot be written: then nobody gets the list.
    """
    path = pulls_path(settings)
    try:
        append_entry(path, asdict(pull))
    except OSError as error:
        raise CrmError(
            f"the audit log cannot be written: {error.strerror or error}",
            where=str(path),
            remedy="Make room or grant access; without its entry no list is handed out.",
        ) from error


def append_entry(path: Path, entry: Mapping[str, object]) -> None:
    """Append one line of JSON to a file that only its owner can read, and have it on the disk.

    Args:
        path: The file; it and its folder are made if they are missing.
        entry: The line.

    Raises:
        OSError: It cannot be written.
    """
    line = json.dumps(entry, default=str, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True, mode=_OWNER_DIRECTORY)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _OWNER_FILE)
    with os.fdopen(descriptor, "ab") as file:
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def record_pulls(connection: duckdb.DuckDBPyConnection, *, settings: Settings) -> None:
    """Bring what the file remembers into `journal.pulls`.

    Args:
        connection: The warehouse.
        settings: Where the data directory is.

    Raises:
        CrmError: A line of the file cannot be read.
    """
    replace_table(connection, PULLS.relation, columns=_DECLARED, frame=_pulls(pulls_path(settings)))


def _pulls(path: Path) -> pl.DataFrame:
    schema = {name: _TYPES[kind] for name, kind in _DECLARED.items()}
    if not path.is_file() or not path.stat().st_size:
        return pl.DataFrame(schema=schema)
    texts = {name: pl.Int64 if kind == "bigint" else pl.String for name, kind in _DECLARED.items()}
    try:
        frame = pl.read_ndjson(path, schema=texts)
        return frame.with_columns(
            pl.col("as_of_date").str.to_date("%Y-%m-%d"),
            pl.col("pulled_at").str.to_datetime("%Y-%m-%d %H:%M:%S%.f%z", time_zone="UTC").dt.replace_time_zone(None),
        )
    except pl.exceptions.PolarsError as error:
        raise CrmError(
            "the audit log has a line that is none of ours",
            where=str(path),
            remedy="Look at its last lines; move what does not belong there to another file.",
        ) from error
