"""Runs the job `nightly` without Dagster's services, in this process: the same assets, checks and record."""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING

from dagster_project.errors import CrmError
from dagster_project.nightly.alerts import Alert, raise_alert
from dagster_project.nightly.faults import sentence_of
from dagster_project.nightly.finishing import finish
from dagster_project.nightly.home import prepare_home
from dagster_project.nightly.lock import exclusive_run
from dagster_project.nightly.progress import Progress
from dagster_project.nightly.record import RunRecord
from dagster_project.nightly.session import Night
from dagster_project.settings import Settings

if TYPE_CHECKING:
    from dagster import AssetKey, Definitions, ExecuteInProcessResult

TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
}


def run_night(
    *,
    settings: Settings,
    as_of: date,
    progress: Progress,
    select: str | None = None,
    released: Collection[str] = (),
) -> RunRecord:
    """Run one night from exports to lists.

    Args:
        settings: Where everything is.
        as_of: The date the run stands on.
        progress: Who listens.
        select: Dagster's asset selection, such as `group:kpi`; None means everything.
        released: Segments whose unusual size a person has accepted for this night.

    Returns:
        The record of the run; a run that failed is a record too.

    Raises:
        CrmError: Another run is writing, so that this one did not begin.
    """
    os.environ.update(TELEMETRY_OFF)
    with exclusive_run(settings, purpose=f"the nightly run of {as_of}"):
        night = Night(
            settings=settings,
            as_of=as_of,
            run_id=str(uuid.uuid4()),
            progress=progress,
            released=frozenset(released),
        )
        _execute(night, select)
        record = finish(night)
    if record.failure:
        _tell(record, settings)
    return record


def _execute(night: Night, select: str | None) -> None:
    try:
        with night.step("preparation") as note:
            definitions = _load_definitions(night.settings)
            keys = _selected(definitions, select) if select else None
            note.detail = f"{len(keys)} assets selected" if keys else "definitions loaded"
        result = _run_job(night, definitions, keys)
    except Exception as error:  # noqa: BLE001 - whatever it is, it becomes the failure of this night's record
        night.remember_failure("preparation", error)
        return
    if not result.success and night.failure is None:
        night.remember_failure("run", CrmError("a step failed without a reason", remedy="See the run in `make dev`."))


def _load_definitions(settings: Settings) -> Definitions:
    warnings.filterwarnings("ignore", module="dagster")
    from dagster_project.defs.assembly import build_definitions

    return build_definitions(settings)


def _selected(definitions: Definitions, select: str) -> list[AssetKey]:
    import dagster as dg

    try:
        selection = dg.AssetSelection.from_string(select)
        keys = selection.resolve(definitions.resolve_asset_graph())
    except Exception as error:
        raise CrmError(
            f"the selection {select!r} cannot be understood",
            where="--select",
            remedy="Use Dagster's syntax, such as group:kpi or key:\"exports/seg_win_back\".",
        ) from error
    if not keys:
        raise CrmError(f"the selection {select!r} fits no asset", where="--select")
    return sorted(keys)


def _run_job(night: Night, definitions: Definitions, keys: Collection[AssetKey] | None) -> ExecuteInProcessResult:
    import dagster as dg

    from dagster_project.defs.schedules import HEADLESS_TAG

    job = definitions.resolve_job_def("nightly")
    with dg.DagsterInstance.from_config(str(prepare_home(night.settings))) as instance:
        return job.execute_in_process(
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            instance=instance,
            asset_selection=list(keys) if keys else None,
            raise_on_error=False,
            run_id=night.run_id,
            tags={HEADLESS_TAG: "true"},
            resources={"night": night},
        )


def _tell(record: RunRecord, settings: Settings) -> None:
    assert record.failure is not None
    alert = Alert(
        run_id=record.run_id, as_of=record.as_of, step=record.failure.step, message=record.failure.sentence
    )
    try:
        raise_alert(alert, settings=settings)
    except OSError as error:
        sentence_of(error, settings=settings)
