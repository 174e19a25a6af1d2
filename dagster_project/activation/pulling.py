"""Hands the last list that left to a person, and remembers who took it; decides nothing about who is on it."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl

from dagster_project.activation.audit import Pull, note_pull
from dagster_project.activation.document import CHANGES, CSV, MANIFEST, PARQUET, sha256
from dagster_project.activation.files import LATEST
from dagster_project.activation.formats import Format, write
from dagster_project.errors import CrmError
from dagster_project.settings import Settings

FileFormat = Literal["csv", "csv-de", "parquet", "jsonl"]
GERMAN = Format(delimiter=";", decimal_comma=True, date_format="%d.%m.%Y")
"""What a spreadsheet set to German reads without asking."""


@dataclass(frozen=True)
class Pulled:
    """A list in a person's hands."""

    path: Path
    segment: str
    as_of: date
    row_count: int


@dataclass(frozen=True)
class Taker:
    """Who takes a list, and when (UTC)."""

    name: str
    at: datetime


def pull_list(
    settings: Settings,
    segment: str,
    *,
    to: Path,
    taker: Taker,
    file_format: FileFormat = "csv",
    changes_only: bool = False,
) -> Pulled:
    """Copy the last list of a segment to a place of a person's choice; the audit log knows before the file is there.

    Args:
        settings: Where the exports are.
        segment: Whose list.
        to: A directory.
        taker: Who takes it.
        file_format: How it is written; changes are CSV.
        changes_only: What the list changed against the one before, instead of the list.

    Raises:
        CrmError: No list of this segment has left yet, or the place cannot be written.
    """
    folder = settings.exports_dir / segment / LATEST
    manifest = _manifest(folder, segment=segment)
    content, name, rows = _content(folder, manifest, file_format=file_format, changes_only=changes_only)
    night = date.fromisoformat(manifest["as_of_date"])
    note_pull(
        settings,
        Pull(
            as_of_date=night,
            segment=segment,
            pulled_at=taker.at,
            pulled_by=taker.name,
            definition_sha256=manifest["definition"]["sha256"],
            checksum=sha256(content),
            layout=Path(name).suffix.removeprefix("."),
            content="delta" if changes_only else "full",
            row_count=rows,
        ),
    )
    path = to / f"{segment}_{night}{'_changes' if changes_only else ''}{Path(name).suffix}"
    _put(path, content)
    return Pulled(path=path, segment=segment, as_of=night, row_count=rows)


def _manifest(folder: Path, *, segment: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise CrmError(
            f"no list of {segment} has left yet",
            remedy=f"`crm segments show {segment}` says why, `crm segments release {segment}` lets a waiting one out.",
        ) from error
    return document


def _content(
    folder: Path, manifest: dict[str, Any], *, file_format: FileFormat, changes_only: bool
) -> tuple[bytes, str, int]:
    if changes_only:
        if CHANGES not in manifest["files"]:
            raise CrmError(
                "the list changed nothing: it was the first", remedy="Take the whole list without --changes."
            )
        return (folder / CHANGES).read_bytes(), CHANGES, manifest["files"][CHANGES]["rows"]
    rows = manifest["files"][PARQUET]["rows"]
    if file_format in ("csv", "parquet"):
        name = CSV if file_format == "csv" else PARQUET
        return (folder / name).read_bytes(), name, rows
    members = pl.read_parquet(folder / PARQUET)
    if file_format == "csv-de":
        return write(members, GERMAN).content, CSV, rows
    return write(members, Format(kind="jsonl")).content, "members.jsonl", rows


def _put(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=".writing-")  # only the owner can read it
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except OSError as error:
        raise CrmError(
            f"the list could not be written: {error.strerror or error}", where=str(path), remedy="Choose another --to."
        ) from error
