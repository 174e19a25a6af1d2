"""Publishes a night: a new file is made beside, searched for people and renamed over the old one, or nothing is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from dagster_project.errors import CrmError
from dagster_project.publication.building import build, confirm
from dagster_project.publication.files import BESIDE, swap, tidy
from dagster_project.publication.plan import Former, Night, is_settled, look
from dagster_project.publication.tables import PublishedTable, undescribed_tables
from dagster_project.settings import Settings

_FOLDER = 0o750


@dataclass(frozen=True)
class PublishResult:
    """What analysts find from now on."""

    path: Path
    as_of: date
    tables: tuple[PublishedTable, ...]
    left_out: tuple[str, ...]


def publish(*, manifest_path: Path, settings: Settings, as_of: date, run_id: str) -> PublishResult:
    """Build the analysts' database and swap it in; readers keep what they opened.

    What did not change since the last one is not copied from the warehouse again, and if nothing did, the file stays.

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
        tidy(target.parent)
        night, former = look(manifest_path=manifest_path, settings=settings, as_of=as_of, run_id=run_id)
        beside = target.with_name(f"{BESIDE}{re.sub(r'[^0-9A-Za-z-]', '', run_id)}.duckdb")
        try:
            tables = _go_on(beside, night, former) if former else None
            if tables is None:
                tables = build(beside, night, None)
                swap(beside, target)
        finally:
            tidy(target.parent)
    left_out = undescribed_tables(night.existing, models=night.models, published=night.tables)
    return PublishResult(path=target, as_of=as_of, tables=tables, left_out=left_out)


def _go_on(beside: Path, night: Night, former: Former) -> tuple[PublishedTable, ...] | None:
    """Publish what changed since the last file; nothing if that file cannot be read after all."""
    try:
        if is_settled(night, former):
            return confirm(night, former)
        tables = build(beside, night, former)
    except duckdb.Error:
        tidy(beside.parent)
        return None
    swap(beside, night.settings.published_path)
    return tables


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
