"""The export and publication steps of a night: call the rooms on the date the warehouse stands on."""

from __future__ import annotations

import getpass
import time
from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING

import duckdb

from dagster_project.activation.destinations import read_destinations
from dagster_project.activation.export import ExportNight, export_segments
from dagster_project.errors import CrmError
from dagster_project.nightly.notes import note_lists
from dagster_project.nightly.session import Night
from dagster_project.publication import publish
from dagster_project.settings import Settings
from dagster_project.transformation import dbt_layout
from dagster_project.warehouse import open_database

if TYPE_CHECKING:
    from dagster_project.activation import ExportResult
    from dagster_project.publication import PublishResult


def export_night(night: Night, *, only: Collection[str] | None) -> tuple[ExportResult, ...]:
    """Write the night's lists.

    Args:
        night: The running night.
        only: Names of segment models; None means all.
    """
    shared = ExportNight(
        settings=night.settings,
        as_of=warehouse_date(night.settings),
        run_id=night.run_id,
        validate=night.gate.validate_list,
        released=night.released,
        released_by=getpass.getuser() if night.released else None,
        destinations=read_destinations(night.settings),
    )
    results = export_segments(
        shared,
        manifest_path=dbt_layout(night.settings).manifest_path,
        only=only,
        on_progress=lambda segment: night.progress.advance("activation", detail=segment),
    )
    note_lists(night, results)
    return results


def publish_night(night: Night) -> PublishResult:
    """Build and swap in the analysts' database, and share it."""
    result = publish(
        manifest_path=dbt_layout(night.settings).manifest_path,
        settings=night.settings,
        as_of=warehouse_date(night.settings),
        run_id=night.run_id,
    )
    share_night(night)
    return result


def share_night(night: Night) -> None:
    """Bring the lake, if there is one, to what is published; without it machines keep the night before: a warning."""
    from dagster_project.publication.ducklake_settings import read_lake

    started = time.monotonic()
    try:
        lake = read_lake()
        if lake is None:
            return
        from dagster_project.publication.ducklake import share

        detail = share(lake, settings=night.settings).told
    except CrmError as error:
        night.warnings.append(str(error))
        night.is_settled = False
        detail = "not shared"
    night.add_share("lake", seconds=time.monotonic() - started, detail=detail)


def warehouse_date(settings: Settings) -> date:
    """The date the warehouse stands on.

    Raises:
        CrmError: Nothing has been ingested yet.
    """
    with open_database(settings.warehouse_path, settings=settings, read_only=True) as connection:
        try:
            row = connection.execute("select as_of_date from raw.runs").fetchone()
        except duckdb.CatalogException:
            row = None
    if row is None:
        raise CrmError(
            "the warehouse is empty", where=str(settings.warehouse_path), remedy="Run `crm nightly` without --select."
        )
    day: date = row[0]
    return day
