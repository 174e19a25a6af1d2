"""Publishes a night: a new file is built beside, searched for people and renamed over the old one, or nothing is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from dagster_project.errors import CrmError
from dagster_project.ingestion import load_catalog
from dagster_project.manifest import read_models
from dagster_project.publication.privacy import personal_names
from dagster_project.publication.scan import Hit, find_people
from dagster_project.publication.tables import (
    PublishedTable,
    copy_models,
    existing_columns,
    undescribed_tables,
    write_meta,
)
from dagster_project.settings import Settings
from dagster_project.warehouse import open_database

_READABLE_BY_GROUP = 0o640
_FOLDER = 0o750
_BESIDE = ".crm-"
_NAMED_HITS = 3


@dataclass(frozen=True)
class PublishResult:
    """What analysts find from now on."""

    path: Path
    as_of: date
    tables: tuple[PublishedTable, ...]
    left_out: tuple[str, ...]


def publish(*, manifest_path: Path, settings: Settings, as_of: date, run_id: str) -> PublishResult:
    """Build the analysts' database and swap it in; readers keep what they opened.

    Args:
        manifest_path: dbt's manifest: only what it describes is published.
        settings: Where the warehouse and the published database are.
        as_of: The date the warehouse stands on.
        run_id: The run that publishes.

    Raises:
        CrmError: A model has no table, a person was found, or the file cannot be written; the old file stays.
    """
    target = settings.published_path
    with _told(target):
        target.parent.mkdir(parents=True, exist_ok=True, mode=_FOLDER)
        _tidy(target.parent)
        beside = target.with_name(f"{_BESIDE}{re.sub(r'[^0-9A-Za-z-]', '', run_id)}.duckdb")
        try:
            tables, left_out = _build(
                beside, manifest_path=manifest_path, settings=settings, as_of=as_of, run_id=run_id
            )
            beside.chmod(_READABLE_BY_GROUP)
            _flush(beside)
            beside.replace(target)
            _flush(target.parent)
        finally:
            _tidy(target.parent)
    return PublishResult(path=target, as_of=as_of, tables=tables, left_out=left_out)


def _build(
    path: Path, *, manifest_path: Path, settings: Settings, as_of: date, run_id: str
) -> tuple[tuple[PublishedTable, ...], tuple[str, ...]]:
    models = read_models(manifest_path)
    contracts = load_catalog(settings.sources_dir).contracts
    source = settings.warehouse_path.stem
    if not settings.warehouse_path.exists():
        raise CrmError(
            "there is no warehouse yet", where=str(settings.warehouse_path), remedy="Run `crm nightly` first."
        )
    with open_database(path, settings=settings) as connection:
        connection.execute(f"attach '{_quoted(settings.warehouse_path)}' as {source} (read_only)")
        connection.execute("begin")  # one transaction: thousands of small ones cost seconds
        tables = copy_models(connection, source=source, models=models, personal_names=personal_names(contracts))
        existing = existing_columns(connection, source)
        write_meta(connection, tables=tables, as_of=as_of, run_id=run_id)
        _demand_nobody(find_people(connection, source=source, contracts=contracts, models=models, existing=existing))
        connection.execute("commit")
    return tables, undescribed_tables(existing, published=tables)


def _demand_nobody(hits: Sequence[Hit]) -> None:
    if not hits:
        return
    named = "; ".join(f"{hit.schema}.{hit.table}.{hit.column} holds {hit.kind}" for hit in hits[:_NAMED_HITS])
    more = f"; and {len(hits) - _NAMED_HITS} more" if len(hits) > _NAMED_HITS else ""
    raise CrmError(
        f"the new analysts' database was not published, because it would show people: {named}{more}",
        where="the old one stays",
        remedy="Keep the text out of the column, or mark it `personal: direct` in its YAML; if it only reads like a "
        "name, `names_may_match: true`.",
    )


def _tidy(folder: Path) -> None:
    """Remove what killed or refused runs left behind; only one run writes at a time."""
    for path in folder.glob(f"{_BESIDE}*"):
        path.unlink()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


@contextmanager
def _told(target: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise CrmError(
            f"the analysts' database could not be published: {reason}",
            where=str(target),
            remedy="The old one stays; make room or grant access and run again.",
        ) from error
