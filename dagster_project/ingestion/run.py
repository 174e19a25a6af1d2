"""The entrance of ingestion: opens the warehouse, runs one night and hands back what became of every batch."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from datetime import date

from dagster_project.errors import CrmError
from dagster_project.ingestion.batches import BatchResult, ProgressCallback, Validator, batch_id_of
from dagster_project.ingestion.catalog import Catalog
from dagster_project.ingestion.landing import ContentHashes, LandingFile, find_files
from dagster_project.ingestion.ledger import create_ledger, read_ledger
from dagster_project.ingestion.loading import Loader
from dagster_project.ingestion.night import Night, NightInputs
from dagster_project.ingestion.raw_tables import prepare_raw
from dagster_project.settings import Settings
from dagster_project.warehouse import open_database


def ingest(
    *,
    catalog: Catalog,
    settings: Settings,
    as_of: date,
    feeds: Collection[str] | None = None,
    validate: Validator | None = None,
    on_progress: ProgressCallback | None = None,
    forced: Collection[str] = (),
) -> tuple[BatchResult, ...]:
    """Bring the warehouse's raw tables up to the files in the landing folder.

    Args:
        catalog: Contracts and mappings.
        settings: Where things are.
        as_of: Date of the run; files of later batch dates wait.
        feeds: Only these feeds; None for all.
        validate: Looks at the profile of each batch before its rows enter raw and may refuse it.
        on_progress: Called with each result, its number and the number of batches.
        forced: Batches to read again although neither content nor mapping changed.

    Returns:
        One result per batch, known ones included.

    Raises:
        CrmError: The warehouse is locked, or `as_of` lies before the first file.
    """
    files = find_files(catalog, settings)
    spill_dir = settings.spill_dir / "ingestion"
    shutil.rmtree(spill_dir, ignore_errors=True)
    hashes = ContentHashes(settings.data_dir / "cache" / "file_hashes.json")
    results: list[BatchResult] = []
    with open_database(settings.warehouse_path, settings=settings) as connection:
        create_ledger(connection)
        ledger = read_ledger(connection)
        _check_date(files, as_of, has_data=any(row.batch.batch_date <= as_of for row in ledger.values()))
        reloadable = {batch_id_of(one.mapping.system, one.file, feed) for one in files for feed in one.mapping.feeds}
        prepare_raw(connection, catalog.contracts, reloadable=reloadable)
        loader = Loader(connection, catalog, settings.quarantine_dir)
        inputs = NightInputs(
            catalog=catalog,
            files=files,
            as_of=as_of,
            feeds=feeds,
            forced=forced,
            validate=validate,
            landing_dir=settings.landing_dir,
            spill_dir=spill_dir,
        )
        night = Night(inputs, ledger=ledger.values(), hashes=hashes, loader=loader)
        total = night.step_count
        for number, result in enumerate(night.run(), start=1):
            results.append(result)
            if on_progress is not None:
                on_progress(result, min(number, total), total)
        loader.flush(as_of=as_of)
    hashes.save()
    return tuple(results)


def _check_date(files: Collection[LandingFile], as_of: date, *, has_data: bool) -> None:
    first = min((file.batch_date for file in files), default=None)
    if first is not None and first > as_of and not has_data:
        raise CrmError(
            f"there are no data yet on {as_of}",
            where=f"--as-of {as_of}",
            remedy=f"The first delivered file is of {first}; use that date or a later one.",
        )
