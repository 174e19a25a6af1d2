"""Runs the job `nightly` in this process, without Dagster's services: the same assets and checks, no run log kept."""

from __future__ import annotations

import warnings
from collections.abc import Collection

import dagster as dg

from dagster_project.defs.assembly import build_definitions
from dagster_project.errors import CrmError
from dagster_project.nightly.home import prepare_home
from dagster_project.nightly.session import Night
from dagster_project.settings import Settings

NO_NOISE = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_headless(night: Night, *, select: str | None) -> None:
    """Run the night's assets; what fails is remembered by the night.

    Args:
        night: The running night; it takes the place of the one that Dagster's own runs open.
        select: Dagster's asset selection, such as `group:kpi`; None means everything.

    Raises:
        CrmError: A contract, mapping, dbt file or the selection cannot be read.
    """
    warnings.filterwarnings("ignore", module="dagster")
    with night.step("preparation") as note:
        definitions = build_definitions(night.settings, night=night)
        keys = _selected(definitions, select) if select else None
        note.detail = f"{len(keys)} assets selected" if keys else "definitions loaded"
    result = _execute(night, definitions, keys)
    if not result.success and night.failure is None:
        night.remember_failure("run", CrmError("a step failed without a reason", remedy="See `crm status`."))
    if _is_ui_in_use(night.settings):
        _report_to_ui(result, settings=night.settings)


def _selected(definitions: dg.Definitions, select: str) -> list[dg.AssetKey]:
    try:
        keys = dg.AssetSelection.from_string(select).resolve(definitions.resolve_asset_graph())
    except Exception as error:
        raise CrmError(
            f"the selection {select!r} cannot be understood",
            where="--select",
            remedy="Use Dagster's syntax, such as group:kpi or key:exports/seg_win_back.",
        ) from error
    if not keys:
        raise CrmError(f"the selection {select!r} fits no asset", where="--select")
    return sorted(keys)


def _execute(
    night: Night, definitions: dg.Definitions, keys: Collection[dg.AssetKey] | None
) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return definitions.resolve_job_def("nightly").execute_in_process(
            run_config=NO_NOISE,
            instance=instance,
            asset_selection=list(keys) if keys else None,
            raise_on_error=False,
            run_id=night.run_id,
        )


def _is_ui_in_use(settings: Settings) -> bool:
    return (settings.dagster_home / "history").is_dir()


def _report_to_ui(result: dg.ExecuteInProcessResult, *, settings: Settings) -> None:
    """Report what the UI needs to be right about freshness and trouble.

    A run kept in Dagster's SQLite costs about fifteen seconds for a thousand events; these reports cost two.
    """
    with dg.DagsterInstance.from_config(str(prepare_home(settings))) as instance:
        for event in result.all_events:
            if event.is_step_materialization:
                instance.report_runless_asset_event(event.step_materialization_data.materialization)
            elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                evaluation = event.asset_check_evaluation_data
                if not evaluation.passed:
                    instance.report_runless_asset_event(evaluation)
