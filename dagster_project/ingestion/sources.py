"""Lists what sources there are and what has come in for them; loads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from dagster_project.ingestion.catalog import Catalog
from dagster_project.ingestion.landing import LandingFile, files_of, find_files
from dagster_project.ingestion.ledger import LedgerRow, ledger_of
from dagster_project.ingestion.mappings import SourceMapping
from dagster_project.settings import Settings


@dataclass(frozen=True)
class SourceListing:
    """One mapping with what has come in for it."""

    source_system: str
    mapping: str
    description: str
    files: tuple[str, ...]
    feeds: tuple[str, ...]
    file_count: int
    newest_batch_date: date | None
    loaded_batches: int
    refused_batches: int
    is_stale: bool


def list_sources(*, catalog: Catalog, settings: Settings, as_of: date | None = None) -> tuple[SourceListing, ...]:
    """Every mapping, with its files and batches.

    Args:
        catalog: Contracts and mappings.
        settings: Where things are.
        as_of: Date to judge staleness by; None for the date of the last run.
    """
    ledger = ledger_of(settings)
    day = as_of or max((row.loaded_as_of for row in ledger.values()), default=None)
    files = find_files(catalog, settings)
    return tuple(
        _listing(mapping, catalog, [one for one in files if one.mapping is mapping], ledger.values(), day)
        for mapping in catalog.mappings
    )


def list_unmapped(*, catalog: Catalog, settings: Settings) -> tuple[str, ...]:
    """Files in the landing folder that no mapping takes, as `<system>/<path>`."""
    if not settings.landing_dir.is_dir():
        return ()
    taken = {f"{one.mapping.system}/{one.file}" for one in find_files(catalog, settings)}
    return tuple(file for _, file in files_of(settings.landing_dir) if file not in taken)


def _listing(
    mapping: SourceMapping,
    catalog: Catalog,
    files: Sequence[LandingFile],
    ledger: Iterable[LedgerRow],
    day: date | None,
) -> SourceListing:
    rows = [row for row in ledger if (row.batch.source_system, row.batch.mapping) == (mapping.system, mapping.name)]
    newest = max([one.batch_date for one in files if day is None or one.batch_date <= day], default=None)
    limits = [catalog.bounds(mapping, feed).freshness_days for feed in mapping.feeds]
    days = [limit for limit in limits if limit is not None]
    is_stale = bool(days and day and newest and (day - newest).days > min(days))
    return SourceListing(
        source_system=mapping.system,
        mapping=mapping.name,
        description=mapping.description,
        files=mapping.files,
        feeds=tuple(mapping.feeds),
        file_count=len(files),
        newest_batch_date=newest,
        loaded_batches=sum(row.status == "loaded" for row in rows),
        refused_batches=sum(row.status == "refused" for row in rows),
        is_stale=is_stale,
    )
