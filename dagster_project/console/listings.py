"""Lists of sources, quarantine and predictions for people and machines; the rooms decide what is in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.console import output
from dagster_project.console.tables import plain, print_table
from dagster_project.errors import CrmError
from dagster_project.nightly.clock import today
from dagster_project.settings import load_settings

if TYPE_CHECKING:
    from dagster_project.ingestion import BatchResult, QuarantinedRow, QuarantineEntry, SourceListing

SHORT_ID = 8
_SOURCE_COLUMNS = ("system", "mapping", "feeds", "files", "newest", "loaded", "refused", "")
_QUARANTINE_COLUMNS = ("batch", "system", "feed", "file", "status", "rows", "bad", "reason")
_ROW_COLUMNS = ("batch", "file", "line", "column", "reason", "original text")
_REPLAY_COLUMNS = ("system", "feed", "file", "status", "loaded", "quarantined", "reason")
_SCORE_COLUMNS = (
    "prediction",
    "model",
    "part",
    "measure",
    "model's",
    "baseline's",
    "verdict",
    "cases",
    "watched until",
)
_SCORES = """
    select
        family, model, member, measure, value, baseline_value, is_better, case_count,
        learned_through_date, watched_until_date
    from kpi.kpi_prediction_scorecard
    where as_of_date = (select as_of_date from meta.publication)
    order by family, model, member <> 'total', member, measure
"""


def sources(*, as_json: bool) -> None:
    """Every mapping with its files and freshness, and the files that no mapping takes."""
    from dagster_project.ingestion import list_sources, list_unmapped, load_catalog

    settings = load_settings()
    catalog = load_catalog(settings.sources_dir)
    listings = list_sources(catalog=catalog, settings=settings)
    if as_json:
        _write_json(listings)
        return
    console = output.results()
    print_table(_SOURCE_COLUMNS, [_source_cells(one) for one in listings], console=console, limit=None)
    unmapped = list_unmapped(catalog=catalog, settings=settings)
    if unmapped:
        console.print(f"\n[warning]{len(unmapped)} files that no mapping takes:[/warning]")
        for file in unmapped:
            console.print(f"  {file}", markup=False)


def check_files(files: Sequence[Path], *, system: str | None, mapping: str | None, as_json: bool) -> int:
    """What of these files would be loaded, and why not the rest."""
    from dagster_project.console.verdicts import print_verdict
    from dagster_project.ingestion import check_file, load_catalog

    settings = load_settings()
    catalog = load_catalog(settings.sources_dir)
    checks = [
        check
        for path in files
        for check in check_file(path, catalog=catalog, settings=settings, system=system, mapping=mapping)
    ]
    if as_json:
        _write_json(checks)
    else:
        for check in checks:
            print_verdict(check, console=output.results())
    return 1 if any(check.would_refuse for check in checks) else 0


def quarantine(*, as_json: bool) -> None:
    """Batches with bad rows, and refused ones."""
    from dagster_project.ingestion import list_quarantine

    entries = list_quarantine(settings=load_settings())
    if as_json:
        _write_json(entries)
    elif entries:
        rows = [_entry_cells(one) for one in entries]
        print_table(_QUARANTINE_COLUMNS, rows, console=output.results(), limit=None)
    else:
        output.write("Nothing is in quarantine.")


def quarantined_rows(*, batch: str | None, feed: str | None, limit: int, as_json: bool) -> None:
    """Bad rows with their original text."""
    from dagster_project.ingestion import show_quarantine

    found = show_quarantine(settings=load_settings(), batch_id=batch, feed=feed, limit=limit)
    if as_json:
        _write_json(found)
    elif found:
        print_table(_ROW_COLUMNS, [_row_cells(one) for one in found], console=output.results(), limit=None)
    else:
        output.write("No rows are in quarantine.")


def replay(*, batch: str | None, feed: str | None, as_of: date | None, as_json: bool) -> int:
    """Read quarantined batches again."""
    from dagster_project.ingestion import load_catalog, replay_quarantine
    from dagster_project.nightly.lock import exclusive_run
    from dagster_project.quality import QualityGate

    settings = load_settings()
    night = as_of or today(settings.time_zone)
    with exclusive_run(settings, purpose="`crm quarantine replay`"):
        results = replay_quarantine(
            catalog=load_catalog(settings.sources_dir),
            settings=settings,
            as_of=night,
            batch_id=batch,
            feed=feed,
            validate=QualityGate(settings=settings, as_of=night).validate_batch,
        )
    if as_json:
        _write_json(results)
    elif results:
        rows = [_replayed_cells(one) for one in results]
        print_table(_REPLAY_COLUMNS, rows, console=output.results(), limit=None)
    else:
        output.write("Nothing is in quarantine.")
    return 2 if any(one.is_warning for one in results) else 0


def predictions(*, all_parts: bool, as_json: bool) -> None:
    """Last night's scores as published."""
    import duckdb

    from dagster_project.warehouse import open_database, read_frame

    settings = load_settings()
    with open_database(settings.published_path, settings=settings, read_only=True) as connection:
        try:
            scores = read_frame(connection, _SCORES).to_dicts()
        except duckdb.CatalogException as error:
            raise CrmError(
                "the published database holds no scores",
                where=str(settings.published_path),
                remedy="Run `crm nightly`.",
            ) from error
    whole = {one["family"] for one in scores if one["member"] == "total"}
    wanted = [one for one in scores if all_parts or one["member"] == "total" or one["family"] not in whole]
    if as_json:
        output.write(json.dumps(wanted, default=plain, indent=2, ensure_ascii=False))
    elif wanted:
        print_table(_SCORE_COLUMNS, [_score_cells(one) for one in wanted], console=output.results(), limit=None)
    else:
        output.write("Nothing was predicted that could be held against anything yet.")


def _score_cells(score: dict[str, Any]) -> tuple[str, ...]:
    verdict = {True: "better", False: "worse", None: ""}[score["is_better"]]
    figures = ("" if value is None else f"{value:,.3f}" for value in (score["value"], score["baseline_value"]))
    words = (score["family"], score["model"], score["member"], score["measure"])
    readable = (word.replace("_", " ") for word in words)
    return (*readable, *figures, verdict, f"{score['case_count']:,}", str(score["watched_until_date"]))


def _source_cells(one: SourceListing) -> tuple[Any, ...]:
    return (
        one.source_system,
        one.mapping,
        ", ".join(one.feeds),
        one.file_count,
        one.newest_batch_date,
        one.loaded_batches,
        one.refused_batches,
        "stale" if one.is_stale else "",
    )


def _entry_cells(one: QuarantineEntry) -> tuple[Any, ...]:
    return (
        one.batch_id[:SHORT_ID],
        one.source_system,
        one.feed,
        one.file,
        one.status,
        one.delivered_rows,
        one.quarantined_rows,
        one.reason,
    )


def _row_cells(one: QuarantinedRow) -> tuple[Any, ...]:
    return (one.batch_id[:SHORT_ID], one.file, one.line, one.column_name, one.reason, one.original_text)


def _replayed_cells(one: BatchResult) -> tuple[Any, ...]:
    return (
        one.source_system,
        one.feed,
        one.file,
        one.status,
        one.loaded_rows,
        one.quarantined_rows,
        one.reason,
    )


def _write_json(values: Sequence[Any]) -> None:
    output.write(json.dumps([asdict(value) for value in values], default=plain, indent=2, ensure_ascii=False))
