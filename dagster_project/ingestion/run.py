"""The entrances that write: bring raw up to the landing folder, and read quarantined batches again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import duckdb

from dagster_project.errors import CrmError
from dagster_project.ingestion.batches import BatchResult, ProgressCallback, Validator, batch_id_of
from dagster_project.ingestion.catalog import Catalog
from dagster_project.ingestion.landing import ContentHashes, LandingFile, find_files
from dagster_project.ingestion.ledger import LedgerRow, chosen_batches, create_ledger, read_ledger
from dagster_project.ingestion.loading import Loader
from dagster_project.ingestion.night import Night, NightInputs
from dagster_project.ingestion.quarantine_files import sweep_quarantine
from dagster_project.ingestion.raw_tables import prepare_raw
from dagster_project.settings import LEAST_MEMORY, Settings
from dagster_project.warehouse import open_database


def ingest(
    *,
    catalog: Catalog,
    settings: Settings,
    as_of: date,
    feeds: Collection[str] | None = None,
    validate: Validator | None = None,
    on_progress: ProgressCallback | None = None,
) -> tuple[BatchResult, ...]:
    """Bring the warehouse's raw tables up to the files in the landing folder.

    Args:
        catalog: Contracts and mappings.
        settings: Where things are.
        as_of: Date of the run; files of later batch dates wait.
        feeds: Only these feeds; None for all.
        validate: Looks at the profile of each batch before its rows enter raw and may refuse it.
        on_progress: Called with each result, its number and the number of batches.

    Returns:
        One result per batch, known ones included.

    Raises:
        CrmError: The warehouse is locked, or `as_of` lies before the first file or before what is loaded.
    """
    with _opened(catalog, settings) as place:
        _check_date(place, as_of)
        inputs = place.inputs(catalog, settings, as_of=as_of, feeds=feeds, validate=validate)
        night = Night(inputs, ledger=place.ledger.values(), hashes=place.hashes, loader=place.loader)
        results = _told(night.run(), on_progress, total=night.step_count)
        place.loader.flush(as_of=as_of)
    return results


def replay_quarantine(
    *,
    catalog: Catalog,
    settings: Settings,
    as_of: date,
    batch_id: str | None = None,
    feed: str | None = None,
    validate: Validator | None = None,
    on_progress: ProgressCallback | None = None,
) -> tuple[BatchResult, ...]:
    """Read batches with bad rows, and refused ones, again from the landing folder under today's mappings.

    Args:
        catalog: Contracts and mappings.
        settings: Where things are.
        as_of: Date of the run; files of later batch dates wait.
        batch_id: Only this batch (the first characters are enough).
        feed: Only batches of this feed.
        validate: Looks at the profile of each batch before its rows enter raw and may refuse it.
        on_progress: Called with each result, its number and the number of batches.

    Raises:
        CrmError: No such batch is in quarantine, or its file is gone.
    """
    with _opened(catalog, settings) as place:
        chosen = chosen_batches(place.ledger, batch_id=batch_id, feed=feed)
        there = {batch_id_of(one.mapping.system, one.file, feed) for one in place.files for feed in one.mapping.feeds}
        gone = [row for row in chosen if _path_id(row) not in there]
        if gone and batch_id is not None:
            raise _gone(gone[0])
        inputs = place.inputs(catalog, settings, as_of=as_of, validate=validate, only={_path_id(row) for row in chosen})
        night = Night(inputs, ledger=place.ledger.values(), hashes=place.hashes, loader=place.loader)
        results = _told(night.run(), on_progress, total=len(chosen))
        place.loader.flush()
    lost = [BatchResult.of(row.batch, "unchanged", counts=row.counts, reason=_gone(row).what) for row in gone]
    return (*results, *lost)


@dataclass(frozen=True)
class _Place:
    """The warehouse and the landing folder, opened for one run."""

    files: tuple[LandingFile, ...]
    ledger: Mapping[str, LedgerRow]
    hashes: ContentHashes
    loader: Loader

    def inputs(
        self,
        catalog: Catalog,
        settings: Settings,
        *,
        as_of: date,
        feeds: Collection[str] | None = None,
        validate: Validator | None = None,
        only: Collection[str] | None = None,
    ) -> NightInputs:
        """What a night in this place works on."""
        return NightInputs(
            catalog=catalog,
            files=self.files,
            as_of=as_of,
            feeds=feeds,
            only=only,
            validate=validate,
            landing_dir=settings.landing_dir,
            spill_dir=settings.spill_dir / "ingestion",
        )


@contextmanager
def _opened(catalog: Catalog, settings: Settings) -> Iterator[_Place]:
    files = find_files(catalog, settings)
    hashes = ContentHashes(settings.data_dir / "cache" / "file_hashes.json")
    with open_database(settings.warehouse_path, settings=settings) as connection:
        # Only now, since whoever else writes would still need what lies there.
        shutil.rmtree(settings.spill_dir / "ingestion", ignore_errors=True)
        # One writing thread: two leave half-filled row groups, which closing rewrites (measured on 8 million rows:
        # a third more processor time, twice the file), and Polars keeps the other processors busy meanwhile.
        connection.execute("set threads = 1")
        connection.execute(f"set memory_limit = '{_engine_mib(settings)}MiB'")
        ledger = _prepared(connection, catalog, files)
        with_bad_rows = {batch_id for batch_id, row in ledger.items() if row.counts.quarantined_rows}
        sweep_quarantine(settings.quarantine_dir, known=with_bad_rows)
        with Loader(connection, catalog, settings.quarantine_dir) as loader:
            yield _Place(files=files, ledger=ledger, hashes=hashes, loader=loader)
    hashes.save()


def _engine_mib(settings: Settings) -> int:
    """Half of what the engine may take otherwise: Polars works on the next file beside it."""
    allowed = int(settings.memory_limit.removesuffix("MiB"))
    return max(allowed // 2, min(allowed, LEAST_MEMORY // 2**20))


def _prepared(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, files: Collection[LandingFile]
) -> Mapping[str, LedgerRow]:
    create_ledger(connection)
    reloadable = {batch_id_of(one.mapping.system, one.file, feed) for one in files for feed in one.mapping.feeds}
    prepare_raw(connection, catalog.contracts, reloadable=reloadable)
    return read_ledger(connection)


def _told(
    results: Iterator[BatchResult], on_progress: Callable[..., None] | None, *, total: int
) -> tuple[BatchResult, ...]:
    told: list[BatchResult] = []
    for number, result in enumerate(results, start=1):
        told.append(result)
        if on_progress is not None:
            on_progress(result, min(number, total), total)
    return tuple(told)


def _check_date(place: _Place, as_of: date) -> None:
    """Refuse a date on which there is nothing yet, or that lies before what is loaded, before anything is written."""
    first = min((file.batch_date for file in place.files), default=None)
    has_data = any(row.batch.batch_date <= as_of for row in place.ledger.values())
    if first is not None and first > as_of and not has_data:
        raise CrmError(
            f"there are no data yet on {as_of}",
            where=f"--as-of {as_of}",
            remedy=f"The first delivered file is of {first}; use that date or a later one.",
        )
    newest = max((row.batch.batch_date for row in place.ledger.values() if row.status == "loaded"), default=as_of)
    if newest > as_of:
        raise CrmError(
            f"the warehouse already holds files of {newest}",
            where=f"--as-of {as_of}",
            remedy="A night does not go back: use that date or a later one, or another CRM_DATA_DIR for a look back.",
        )


def _path_id(row: LedgerRow) -> str:
    return batch_id_of(row.batch.source_system, row.batch.file, row.batch.feed)


def _gone(row: LedgerRow) -> CrmError:
    return CrmError(
        f"the file {row.batch.source_system}/{row.batch.file} is not in the landing folder any more",
        where=f"batch {row.batch.batch_id}",
        remedy="Put it back under the same path to replay it; its bad rows stay in quarantine.",
    )
